/** TypeORM on the database of a test. */
import { DataSource } from 'typeorm';
import { Stock } from '../recipes/typeorm/stock.entity.js';
import type { Database } from './postgres.js';

export function connectTypeOrm({ url }: Database): Promise<DataSource> {
  return new DataSource({ type: 'postgres', url, entities: [Stock] }).initialize();
}
