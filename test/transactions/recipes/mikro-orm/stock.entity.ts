import { Entity, PrimaryKey, Property } from '@mikro-orm/core';

@Entity({ tableName: 'stock' })
export class Stock {
  @PrimaryKey({ type: 'text' })
  sku!: string;

  @Property({ type: 'integer' })
  units!: number;
}
