import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity('stock')
export class Stock {
  @PrimaryColumn('text')
  sku!: string;

  @Column('integer')
  units!: number;
}
