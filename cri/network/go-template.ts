/** The part of Go's text/template that templates of network configurations are written in: fields, range with variables, if, else, end. */
import { WherryError } from '../../runtime/errors.ts'

export type TemplateData = Readonly<Record<string, string | readonly string[]>>

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly name: string }
  | {
      readonly kind: 'range' | 'if'
      readonly name: string
      readonly variables: readonly string[]
      readonly body: readonly Node[]
      readonly otherwise: readonly Node[]
    }

const bad = (action: string): WherryError =>
  new WherryError(
    'invalid-argument',
    `the template of the network configuration: {{${action}}} is not understood: there are {{.Field}}, {{$variable}}, range, if, else and end`,
  )

/** Text and actions in turns, with white space taken away where an action says so by a dash. */
const tokens = (template: string): string[] =>
  template
    .replace(/\s*\{\{-\s/g, '{{ ')
    .replace(/\s-\}\}\s*/g, ' }}')
    .split(/\{\{(.*?)\}\}/s)

const NAME = /^(\.|[.$]\w+)$/

class Parser {
  readonly #tokens: string[]
  #at = 0

  constructor(template: string) {
    this.#tokens = tokens(template)
  }

  /** Up to `end` or `else`, which is returned, or the end of all. */
  nodes(): { readonly nodes: Node[]; readonly stop: string | undefined } {
    const nodes: Node[] = []
    while (this.#at < this.#tokens.length) {
      const index = this.#at++
      const token = this.#tokens[index]!
      if (index % 2 === 0) {
        if (token !== '') nodes.push({ kind: 'text', text: token })
        continue
      }
      const action = token.trim()
      if (action === 'end' || action === 'else') return { nodes, stop: action }
      if (/^\/\*.*\*\/$/s.test(action)) continue
      nodes.push(this.#action(action))
    }
    return { nodes, stop: undefined }
  }

  #action(action: string): Node {
    if (NAME.test(action)) return { kind: 'value', name: action }
    const [, kind, variables = '', name = ''] = /^(range|if)\s+(?:((?:\$\w+\s*,\s*)?\$\w+)\s*:=\s*)?(\S+)$/.exec(action) ?? []
    if ((kind !== 'range' && kind !== 'if') || !NAME.test(name) || (kind === 'if' && variables !== '')) throw bad(action)
    const body = this.nodes()
    const otherwise = body.stop === 'else' ? this.nodes() : { nodes: [], stop: body.stop }
    if (otherwise.stop !== 'end') throw bad(action)
    return { kind, name, variables: variables === '' ? [] : variables.split(/\s*,\s*/), body: body.nodes, otherwise: otherwise.nodes }
  }
}

type Value = string | number | readonly string[]
type Scope = ReadonlyMap<string, Value>

const lookUp = (scope: Scope, name: string): Value => {
  const value = scope.get(name)
  if (value === undefined) throw bad(name)
  return value
}

/** Go's truth: not zero, not empty. */
const isTrue = (value: Value): boolean => (typeof value === 'number' ? value !== 0 : value.length > 0)

const render = (nodes: readonly Node[], scope: Scope): string =>
  nodes
    .map((node): string => {
      if (node.kind === 'text') return node.text
      const value = lookUp(scope, node.name)
      if (node.kind === 'value') return typeof value === 'object' ? `[${value.join(' ')}]` : String(value)
      if (node.kind === 'if') return render(isTrue(value) ? node.body : node.otherwise, scope)
      if (typeof value !== 'object') throw bad(`range ${node.name}`)
      if (value.length === 0) return render(node.otherwise, scope)
      return value
        .map((item, index) => {
          const inner = new Map(scope).set('.', item)
          const [first, second] = node.variables
          if (second !== undefined) inner.set(first!, index).set(second, item)
          else if (first !== undefined) inner.set(first, item)
          return render(node.body, inner)
        })
        .join('')
    })
    .join('')

/** Throws `invalid-argument` naming what it does not understand. */
export const renderTemplate = (template: string, data: TemplateData): string => {
  const { nodes, stop } = new Parser(template).nodes()
  if (stop !== undefined) throw bad(stop)
  return render(nodes, new Map(Object.entries(data).map(([name, value]) => [`.${name}`, value])))
}
