/** The metadata of handler parameters, compared with Nest. */
import { describe, expect, it } from '@jest/globals';
import { Body, createParamDecorator, Headers, Param, ParseIntPipe, Query, Req } from '@nestjs/common';
import * as nest from '@nestjs/common/internal';
import {
  parameterBindings,
  ParameterKind,
  ROUTE_ARGS_METADATA,
} from '../../lib/locked/key/parameter-bindings.js';

const Custom = createParamDecorator(() => 1);

class Base {
  async handle(
    @Param('id', ParseIntPipe) _id: number,
    @Param() _params: object,
    @Body('sku') _sku: string,
    @Query() _query: object,
    @Headers('X-Id') _header: string,
    @Custom('id') _custom: number,
    @Req() _request: object,
  ): Promise<void> {}
  async plain(_id: number): Promise<void> {}
}
class Derived extends Base {}
class Overriding extends Base {
  override async handle(@Param('other') _id: number): Promise<void> {}
}

describe('given the parameter metadata of Nest', () => {
  it('then Nest has the metadata key and the numbers that this library relies on', () => {
    expect(ROUTE_ARGS_METADATA).toBe(nest.ROUTE_ARGS_METADATA);
    for (const [name, kind] of Object.entries(ParameterKind)) {
      expect([name, nest.RouteParamtypes[name as keyof typeof ParameterKind]]).toEqual([name, kind]);
    }
  });

  it('then it is read as bindings, without custom decorators', () => {
    const sorted = [...(parameterBindings(Base, 'handle') ?? [])].sort((a, b) => a.index - b.index);
    expect(sorted).toEqual([
      { kind: ParameterKind.PARAM, index: 0, property: 'id' },
      { kind: ParameterKind.PARAM, index: 1, property: undefined },
      { kind: ParameterKind.BODY, index: 2, property: 'sku' },
      { kind: ParameterKind.QUERY, index: 3, property: undefined },
      { kind: ParameterKind.HEADERS, index: 4, property: 'X-Id' },
      { kind: 0, index: 6, property: undefined },
    ]);
  });

  it('then an inherited method keeps its bindings, and an overriding method has its own', () => {
    expect(parameterBindings(Derived, 'handle')).toHaveLength(6);
    expect(parameterBindings(Overriding, 'handle')).toContainEqual({
      kind: ParameterKind.PARAM,
      index: 0,
      property: 'other',
    });
    expect(parameterBindings(Base, 'plain')).toBeUndefined();
    expect(parameterBindings(undefined, 'plain')).toBeUndefined();
  });
});
