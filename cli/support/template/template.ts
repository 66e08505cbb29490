/**
 * Templates of `--format`: the part of Go’s text/template that docker’s users know. Fields and nested fields, pipes, variables, if, with,
 * range, comments, trimming; Go’s functions and docker’s (functions.ts). Absent: define, template, block and methods.
 */
import { Evaluation, type Overrides } from './evaluate.ts'
import { NAMES } from './functions.ts'
import type { Value } from './go-text.ts'
import { parseTemplate } from './parse.ts'

export type { Value }

/** Renders a template with data: objects are structs, of which only known fields may be asked for; Maps may be asked for anything. */
export type Template = (data: Value, overrides?: Overrides) => string

/** @throws TemplateError, which says where it is wrong; rendering throws it too, where the data have no such field. */
export const compileTemplate = (source: string): Template => {
  const nodes = parseTemplate(source, NAMES)
  return (data, overrides = {}) => new Evaluation(source, overrides).run(nodes, data)
}
