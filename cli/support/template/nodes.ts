/** A parsed template. */

export type Operand =
  | { readonly kind: 'dot'; readonly at: number }
  | { readonly kind: 'variable'; readonly name: string; readonly at: number }
  | { readonly kind: 'literal'; readonly value: string | number | boolean | undefined; readonly at: number }
  | { readonly kind: 'function'; readonly name: string; readonly at: number }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline; readonly at: number }
  | { readonly kind: 'field'; readonly of: Operand; readonly name: string; readonly at: number }

/** A value, or a function with its arguments. */
export interface Call {
  readonly first: Operand
  readonly args: readonly Operand[]
}

/** Each call gets the result of the one before it for its last argument. */
export type Pipeline = readonly Call[]

/** `$x := …` makes it, `$x = …` changes it; with `range`, two: the index and the element. */
export interface Variables {
  readonly names: readonly string[]
  readonly declares: boolean
}

export interface Branch {
  readonly variables?: Variables
  readonly pipeline: Pipeline
  readonly body: readonly Node[]
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly variables?: Variables; readonly pipeline: Pipeline; readonly at: number }
  | { readonly kind: 'if' | 'with'; readonly branches: readonly Branch[]; readonly otherwise: readonly Node[] }
  | { readonly kind: 'range'; readonly branch: Branch; readonly otherwise: readonly Node[]; readonly at: number }
  | { readonly kind: 'break' | 'continue' }
