/** Carries a parsed template out. Data are plain objects (structs, whose fields are known), Maps, arrays and scalars. */
import { nearest } from '../nearest.ts'
import { TemplateError } from './error.ts'
import { FUNCTIONS, Problem, truth } from './functions.ts'
import { goText, sortedEntries, type Value } from './go-text.ts'
import type { Branch, Call, Node, Operand, Pipeline, Variables } from './nodes.ts'

/** Functions that take the place of the usual ones of their name. */
export type Overrides = Readonly<Record<string, (...args: readonly Value[]) => Value>>

/** Output, in characters, of one template: ranges over ranges over hostile labels end somewhere. */
const LONGEST = 1 << 28

class Scope {
  readonly #parent: Scope | undefined
  readonly #values = new Map<string, Value>()

  constructor(parent: Scope | undefined) {
    this.#parent = parent
  }

  declare(name: string, value: Value): void {
    this.#values.set(name, value)
  }

  find(name: string): Map<string, Value> | undefined {
    return this.#values.has(name) ? this.#values : this.#parent?.find(name)
  }
}

type Flow = 'on' | 'break' | 'continue'

export class Evaluation {
  readonly #source: string
  readonly #overrides: Overrides
  readonly #parts: string[] = []
  #length = 0

  constructor(source: string, overrides: Overrides) {
    this.#source = source
    this.#overrides = overrides
  }

  #fail(at: number, problem: string): TemplateError {
    return new TemplateError(this.#source, at, problem)
  }

  #field(of: Value, name: string, at: number): Value {
    if (of instanceof Map) return of.get(name)
    if (of === undefined || of === null) throw this.#fail(at, `there is no .${name}: what stands before it is nil`)
    if (typeof of !== 'object' || Array.isArray(of)) throw this.#fail(at, `there is no .${name} in ${goText(of).slice(0, 40)}`)
    if (Object.hasOwn(of, name)) return (of as Record<string, Value>)[name]
    const names = Object.keys(of)
    const guess = nearest(name, names)
    throw this.#fail(
      at,
      `there is no field .${name}${guess === undefined ? `; there are ${names.map((other) => `.${other}`).join(' ')}` : `: did you mean .${guess}?`}`,
    )
  }

  #operand(operand: Operand, dot: Value, scope: Scope): Value {
    switch (operand.kind) {
      case 'dot':
        return dot
      case 'literal':
        return operand.value
      case 'variable': {
        const values = scope.find(operand.name)
        if (values === undefined) throw this.#fail(operand.at, `there is no variable $${operand.name}`)
        return values.get(operand.name)
      }
      case 'field':
        return this.#field(this.#operand(operand.of, dot, scope), operand.name, operand.at)
      case 'pipeline':
        return this.#pipeline(operand.pipeline, dot, scope)
      case 'function':
        return this.#function(operand.name, [], operand.at)
    }
  }

  #function(name: string, args: readonly Value[], at: number): Value {
    const { count, call } = FUNCTIONS[name]!
    const [least, most] = count
    if (args.length < least || args.length > most)
      throw this.#fail(
        at,
        `${name} takes ${least === most ? least : most === Number.POSITIVE_INFINITY ? `at least ${least}` : `${least} to ${most}`} argument${least === 1 && most === 1 ? '' : 's'}, not ${args.length}`,
      )
    try {
      return (this.#overrides[name] ?? call)(...args)
    } catch (error) {
      throw error instanceof Problem ? this.#fail(at, error.message) : error
    }
  }

  #call({ first, args }: Call, piped: readonly Value[], dot: Value, scope: Scope): Value {
    if (first.kind !== 'function') return this.#operand(first, dot, scope)
    if (first.name !== 'and' && first.name !== 'or')
      return this.#function(first.name, [...args.map((arg) => this.#operand(arg, dot, scope)), ...piped], first.at)
    if (args.length + piped.length === 0) throw this.#fail(first.at, `${first.name} takes at least 1 argument, not 0`)
    let value: Value
    for (const next of [...args.map((arg) => () => this.#operand(arg, dot, scope)), ...piped.map((given) => () => given)]) {
      value = next()
      if (truth(value) === (first.name === 'or')) break
    }
    return value
  }

  #pipeline(pipeline: Pipeline, dot: Value, scope: Scope): Value {
    let piped: readonly Value[] = []
    for (const call of pipeline) piped = [this.#call(call, piped, dot, scope)]
    return piped[0]
  }

  #assign({ names, declares }: Variables, values: readonly Value[], scope: Scope, at: number): void {
    for (const [index, name] of names.entries()) {
      const values_ = declares ? undefined : scope.find(name)
      if (!declares && values_ === undefined) throw this.#fail(at, `there is no variable $${name}`)
      if (values_ === undefined) scope.declare(name, values[index])
      else values_.set(name, values[index])
    }
  }

  #print(text: string, at: number): void {
    this.#length += text.length
    if (this.#length > LONGEST) throw this.#fail(at, 'the output is too long')
    this.#parts.push(text)
  }

  #nodes(nodes: readonly Node[], dot: Value, scope: Scope): Flow {
    for (const node of nodes) {
      const flow = this.#node(node, dot, scope)
      if (flow !== 'on') return flow
    }
    return 'on'
  }

  #node(node: Node, dot: Value, scope: Scope): Flow {
    switch (node.kind) {
      case 'text':
        this.#print(node.text, 0)
        return 'on'
      case 'print': {
        const value = this.#pipeline(node.pipeline, dot, scope)
        if (node.variables === undefined) this.#print(goText(value), node.at)
        else this.#assign(node.variables, [value], scope, node.at)
        return 'on'
      }
      case 'if':
      case 'with':
        return this.#conditional(node.kind, node.branches, node.otherwise, dot, scope)
      case 'range':
        return this.#range(node.branch, node.otherwise, node.at, dot, scope)
      default:
        return node.kind
    }
  }

  #conditional(kind: 'if' | 'with', branches: readonly Branch[], otherwise: readonly Node[], dot: Value, scope: Scope): Flow {
    const inner = new Scope(scope)
    for (const { variables, pipeline, body } of branches) {
      const value = this.#pipeline(pipeline, dot, inner)
      if (variables !== undefined) this.#assign(variables, [value], inner, 0)
      if (truth(value)) return this.#nodes(body, kind === 'with' ? value : dot, inner)
    }
    return this.#nodes(otherwise, dot, inner)
  }

  #range({ variables, pipeline, body }: Branch, otherwise: readonly Node[], at: number, dot: Value, scope: Scope): Flow {
    const value = this.#pipeline(pipeline, dot, scope)
    const entries = this.#entries(value, at)
    let some = false
    for (const [key, item] of entries) {
      some = true
      const inner = new Scope(scope)
      if (variables !== undefined) this.#assign(variables, variables.names.length === 1 ? [item] : [key, item], inner, at)
      if (this.#nodes(body, item, inner) === 'break') break
    }
    return some ? 'on' : this.#nodes(otherwise, dot, new Scope(scope))
  }

  #entries(value: Value, at: number): Iterable<readonly [Value, Value]> {
    if (value === undefined || value === null) return []
    if (Array.isArray(value)) return value.entries()
    if (value instanceof Map) return sortedEntries(value)
    if (typeof value === 'number' && Number.isInteger(value))
      return Array.from({ length: Math.min(Math.max(value, 0), LONGEST) }, (_, index) => [index, index] as const)
    throw this.#fail(at, `range wants a list or a map, not ${goText(value).slice(0, 40)}`)
  }

  run(nodes: readonly Node[], data: Value): string {
    const scope = new Scope(undefined)
    scope.declare('', data)
    this.#nodes(nodes, data, scope)
    return this.#parts.join('')
  }
}
