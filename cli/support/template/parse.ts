/** From the words of a template to its nodes. */
import { nearest } from '../nearest.ts'
import { TemplateError } from './error.ts'
import type { Branch, Call, Node, Operand, Pipeline, Variables } from './nodes.ts'
import { type Action, type Piece, piecesOf, type Token } from './tokens.ts'

const CONSTANTS: ReadonlyMap<string, boolean | undefined> = new Map([
  ['true', true],
  ['false', false],
  ['nil', undefined],
])

const ABSENT = new Set(['define', 'template', 'block'])

/** Reads the tokens of one action. */
class ActionReader {
  readonly #source: string
  readonly #functions: ReadonlySet<string>
  readonly #tokens: readonly Token[]
  readonly #end: number
  #next = 0

  constructor(source: string, functions: ReadonlySet<string>, { tokens, end }: Action, from: number) {
    this.#source = source
    this.#functions = functions
    this.#tokens = tokens
    this.#end = end
    this.#next = from
  }

  #peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#next + ahead]
  }

  #fail(token: Token | undefined, problem: string): TemplateError {
    return new TemplateError(this.#source, token?.at ?? this.#end - 2, problem)
  }

  /** `$x :=`, `$i, $x :=`, `$x =` */
  #variables(): Variables | undefined {
    const first = this.#peek()
    if (first?.kind !== 'variable') return undefined
    const second = this.#peek(1)?.kind === 'comma' ? this.#peek(2) : undefined
    const sign = this.#peek(second === undefined ? 1 : 3)
    if (sign?.kind !== 'declare' && sign?.kind !== 'assign') return undefined
    if (second !== undefined && second.kind !== 'variable') throw this.#fail(second, 'a variable is wanted: $x')
    this.#next += second === undefined ? 2 : 4
    return { names: second === undefined ? [first.text] : [first.text, second.text], declares: sign.kind === 'declare' }
  }

  #base(): Operand {
    const token = this.#peek()
    if (token === undefined) throw this.#fail(undefined, 'a value is wanted here')
    this.#next++
    const { kind, text, at } = token
    if (kind === 'dot') return { kind: 'dot', at }
    if (kind === 'field') return { kind: 'field', of: { kind: 'dot', at }, name: text, at }
    if (kind === 'variable') return { kind: 'variable', name: text, at }
    if (kind === 'string') return { kind: 'literal', value: text, at }
    if (kind === 'number') return { kind: 'literal', value: Number(text), at }
    if (kind === 'open') {
      const pipeline = this.#pipeline()
      if (this.#peek()?.kind !== 'close') throw this.#fail(this.#peek(), 'a ) is wanted here')
      this.#next++
      return { kind: 'pipeline', pipeline, at }
    }
    if (kind !== 'word') throw this.#fail(token, 'a value is wanted here')
    if (CONSTANTS.has(text)) return { kind: 'literal', value: CONSTANTS.get(text), at }
    if (!this.#functions.has(text)) {
      const guess = nearest(text, this.#functions)
      throw this.#fail(
        token,
        `there is no function ${text}${guess === undefined ? '' : `: did you mean ${guess}?`} (fields begin with a dot: .${text})`,
      )
    }
    return { kind: 'function', name: text, at }
  }

  /** A value with the fields behind it: `$x.A.B`, `(index .X 0).Y`. */
  #operand(): Operand {
    let operand = this.#base()
    for (let token = this.#peek(); token?.kind === 'field' && !token.spaced; token = this.#peek()) {
      if (operand.kind === 'literal' || operand.kind === 'function') throw this.#fail(token, 'only values have fields')
      operand = { kind: 'field', of: operand, name: token.text, at: token.at }
      this.#next++
    }
    return operand
  }

  #call(): Call {
    const first = this.#operand()
    const args: Operand[] = []
    for (let token = this.#peek(); token !== undefined && token.kind !== 'pipe' && token.kind !== 'close'; token = this.#peek()) {
      if (!token.spaced) throw this.#fail(token, 'a blank is wanted here')
      args.push(this.#operand())
    }
    if (args.length > 0 && first.kind !== 'function')
      throw this.#fail(
        this.#tokens.find(({ at }) => at >= args[0]!.at),
        'only functions take arguments',
      )
    return { first, args }
  }

  #pipeline(): Pipeline {
    const calls = [this.#call()]
    while (this.#peek()?.kind === 'pipe') {
      this.#next++
      const token = this.#peek()
      const call = this.#call()
      if (call.first.kind !== 'function') throw this.#fail(token, 'what stands behind | must be a function')
      calls.push(call)
    }
    return calls
  }

  /** What is left of the action, to its end. */
  pipeline(): { readonly variables?: Variables; readonly pipeline: Pipeline } {
    const variables = this.#variables()
    const pipeline = this.#pipeline()
    if (this.#peek() !== undefined) throw this.#fail(this.#peek(), 'this is too much')
    return variables === undefined ? { pipeline } : { variables, pipeline }
  }
}

/** What a list of nodes ended with. */
interface Ending {
  readonly word: 'end' | 'else' | 'eof'
  readonly action: Action | undefined
}

class TemplateParser {
  readonly #source: string
  readonly #functions: ReadonlySet<string>
  readonly #pieces: readonly Piece[]
  #next = 0
  #loops = 0

  constructor(source: string, functions: ReadonlySet<string>) {
    this.#source = source
    this.#functions = functions
    this.#pieces = piecesOf(source)
  }

  #pipelineOf(action: Action, from: number) {
    return new ActionReader(this.#source, this.#functions, action, from).pipeline()
  }

  #bare(action: Action): void {
    const extra = action.tokens[1]
    if (extra !== undefined) throw new TemplateError(this.#source, extra.at, 'this is too much')
  }

  #nodes(): { readonly nodes: readonly Node[]; readonly ending: Ending } {
    const nodes: Node[] = []
    while (this.#next < this.#pieces.length) {
      const piece = this.#pieces[this.#next++]!
      if ('text' in piece) {
        nodes.push({ kind: 'text', text: piece.text })
        continue
      }
      const { action } = piece
      const word = action.tokens[0]?.kind === 'word' ? action.tokens[0].text : ''
      if (word === 'end' || word === 'else') {
        if (word === 'end') this.#bare(action)
        return { nodes, ending: { word, action } }
      }
      nodes.push(this.#node(action, word))
    }
    return { nodes, ending: { word: 'eof', action: undefined } }
  }

  #node(action: Action, word: string): Node {
    if (action.tokens.length === 0) throw new TemplateError(this.#source, action.at, 'there is nothing in this {{}}')
    if (ABSENT.has(word)) throw new TemplateError(this.#source, action.tokens[0]!.at, `${word} is not supported`)
    if (word === 'if' || word === 'with') return this.#conditional(action, word)
    if (word === 'range') return this.#range(action)
    if (word === 'break' || word === 'continue') {
      this.#bare(action)
      if (this.#loops === 0) throw new TemplateError(this.#source, action.at, `${word} stands outside of a range`)
      return { kind: word }
    }
    return { kind: 'print', at: action.at, ...this.#pipelineOf(action, 0) }
  }

  #ended(ending: Ending, opened: Action): void {
    if (ending.word === 'eof') throw new TemplateError(this.#source, opened.at, `this ${opened.tokens[0]!.text} has no {{end}}`)
    if (ending.word === 'else') throw new TemplateError(this.#source, ending.action!.at, 'there is an {{else}} already')
  }

  #conditional(opened: Action, kind: 'if' | 'with'): Node {
    const branches: Branch[] = []
    let action = opened
    let from = 1
    for (;;) {
      const head = this.#pipelineOf(action, from)
      const { nodes, ending } = this.#nodes()
      branches.push({ ...head, body: nodes })
      if (ending.word !== 'else') {
        this.#ended(ending, opened)
        return { kind, branches, otherwise: [] }
      }
      if (ending.action!.tokens.length === 1) break
      if (ending.action!.tokens[1]!.text !== kind || ending.action!.tokens[1]!.kind !== 'word')
        throw new TemplateError(this.#source, ending.action!.tokens[1]!.at, `behind else only ${kind} may stand`)
      action = ending.action!
      from = 2
    }
    const { nodes, ending } = this.#nodes()
    this.#ended(ending, opened)
    return { kind, branches, otherwise: nodes }
  }

  #range(opened: Action): Node {
    const head = this.#pipelineOf(opened, 1)
    this.#loops++
    const { nodes, ending } = this.#nodes()
    this.#loops--
    const branch = { ...head, body: nodes }
    if (ending.word !== 'else') {
      this.#ended(ending, opened)
      return { kind: 'range', branch, otherwise: [], at: opened.at }
    }
    this.#bare(ending.action!)
    const otherwise = this.#nodes()
    this.#ended(otherwise.ending, opened)
    return { kind: 'range', branch, otherwise: otherwise.nodes, at: opened.at }
  }

  parse(): readonly Node[] {
    const { nodes, ending } = this.#nodes()
    if (ending.word !== 'eof')
      throw new TemplateError(this.#source, ending.action!.at, `there is nothing that this ${ending.word} belongs to`)
    return nodes
  }
}

/** @throws TemplateError */
export const parseTemplate = (source: string, functions: ReadonlySet<string>): readonly Node[] =>
  new TemplateParser(source, functions).parse()
