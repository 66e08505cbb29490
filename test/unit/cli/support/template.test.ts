import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compileTemplate } from '../../../../cli/support/template/template.ts'

const DATA = {
  ID: 'abc',
  Name: 'Some Name',
  Size: 1234,
  Ratio: 0.5,
  Up: true,
  Tags: ['a:1', 'b:2'],
  None: [],
  Nil: undefined,
  Config: {
    Cmd: ['sh', '-c', 'true'],
    Labels: new Map([
      ['z', '<1>'],
      ['a.b', 'x"y'],
    ]),
    Empty: new Map<string, string>(),
  },
  Layers: [
    { Digest: 'd1', Size: 1 },
    { Digest: 'd2', Size: 2 },
  ],
}

const render = (source: string): string => compileTemplate(source)(DATA)

describe('templates', () => {
  // outputs: Go 1.22's text/template with docker's functions
  const CASES: readonly (readonly [string, string])[] = [
    ['{{.ID}}', 'abc'],
    ['a {{ .ID }} b {{.Size}}', 'a abc b 1234'],
    ['{{.Config.Cmd}}', '[sh -c true]'],
    ['{{json .Config.Cmd}}', '["sh","-c","true"]'],
    ['{{.Config.Cmd | json}}', '["sh","-c","true"]'],
    ['{{json .Config}}', '{"Cmd":["sh","-c","true"],"Labels":{"a.b":"x\\"y","z":"<1>"},"Empty":{}}'],
    ['{{.Config.Labels}}', 'map[a.b:x"y z:<1>]'],
    ['{{.Config.Labels.nope}}', '<no value>'],
    ['{{index .Config.Labels "a.b"}}', 'x"y'],
    ['{{index .Config.Labels "nope"}}', ''],
    ['{{index .Tags 1}}', 'b:2'],
    ['{{(index .Layers 1).Digest}}', 'd2'],
    ['{{slice .ID 1 2}}{{slice .Tags 1}}', 'b[b:2]'],
    ['{{.Nil}}', '<no value>'],
    ['{{json .Nil}}', 'null'],
    ['{{upper .ID}}{{lower .Name}}{{title "ab cd"}}', 'ABCsome nameAb Cd'],
    ['{{join .Tags ", "}}', 'a:1, b:2'],
    ['{{split "a,b" ","}}', '[a b]'],
    ['{{truncate .Name 4}}|{{pad .ID 1 2}}|', 'Some| abc  |'],
    ['{{len .Tags}} {{len "é"}} {{len .Config.Labels}}', '2 2 2'],
    [
      '{{printf "%s-%5d-%-5s|%05.1f|%q|%v|%t|%x|%%|%03d" .ID .Size .ID .Ratio .ID .Tags .Up "hi" 7}}',
      'abc- 1234-abc  |000.5|"abc"|[a:1 b:2]|true|6869|%|007',
    ],
    ['{{printf "%d" "x"}} {{printf "%s"}} {{printf "x" 1}}', '%!d(string=x) %!s(MISSING) x%!(EXTRA int=1)'],
    ['{{.Size | printf "%d bytes" | upper}}', '1234 BYTES'],
    ['{{range .Tags}}<{{.}}>{{end}}', '<a:1><b:2>'],
    ['{{range $i, $t := .Tags}}{{if $i}}, {{end}}{{$i}}={{$t}}{{end}}', '0=a:1, 1=b:2'],
    ['{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}', 'a.b=x"y;z=<1>;'],
    ['{{range .None}}x{{else}}none{{end}}', 'none'],
    ['{{range .Layers}}{{if eq .Size 1}}{{continue}}{{end}}{{.Digest}}{{break}}{{end}}', 'd2'],
    ['{{range 3}}{{.}}{{end}}', '012'],
    ['{{if .None}}a{{else if .Up}}b{{else}}c{{end}}', 'b'],
    ['{{if and .Up (not .None) (or .Nil .ID)}}yes{{end}}', 'yes'],
    ['{{and .Nil .Nil.X}}', '<no value>'],
    ['{{with .Config}}{{.Cmd}}{{$.ID}}{{end}}', '[sh -c true]abc'],
    ['{{with .Nil}}x{{else with .ID}}{{.}}{{else}}z{{end}}', 'abc'],
    ['{{$x := .ID}}{{range .Tags}}{{$x = .}}{{end}}{{$x}}', 'b:2'],
    ['{{if eq .ID "x" "abc"}}1{{end}}{{if ne .Size 1}}2{{end}}{{if lt .Size 2000}}3{{end}}{{if ge 2 2.0}}4{{end}}', '1234'],
    ['a  {{- /* words */ -}}  b', 'ab'],
    ['a {{- .ID -}} b{{/* x */}}c', 'aabcbc'],
    ['{{"quoted \\"x\\"\\t"}}{{`raw \\t`}}{{\'a\'}}', 'quoted "x"\traw \\t97'],
    ['{{1.5}} {{0x10}} {{-3}} {{true}}', '1.5 16 -3 true'],
    ['{{print 1 2 "a" 3}}{{println "x" 1}}', '1 2a3x 1\n'],
    ['{{html .Config.Labels.z}} {{urlquery "a b&"}}', '&lt;1&gt; a+b%26'],
    ['{{(.Config).Cmd | len}}', '3'],
  ]
  for (const [source, wanted] of CASES) test(source, () => assert.equal(render(source), wanted))

  const WRONG: readonly (readonly [string, RegExp])[] = [
    ['{{.Id}}', /template 1:3: there is no field \.Id: did you mean \.ID\?\n {2}\{\{\.Id\}\}\n {4}\^$/],
    ['{{.Nowhere}}', /there is no field \.Nowhere; there are \.ID \.Name /],
    ['{{.ID.X}}', /1:6: there is no \.X in abc/],
    ['{{.Nil.X}}', /1:7: there is no \.X: what stands before it is nil/],
    ['x\n{{.ID', /template 2:1: this \{\{ has no \}\}/],
    ['{{uper .ID}}', /1:3: there is no function uper: did you mean upper\?/],
    ['{{if .ID}}x', /1:1: this if has no \{\{end\}\}/],
    ['{{end}}', /1:1: there is nothing that this end belongs to/],
    ['{{range .ID}}{{end}}', /range wants a list or a map, not abc/],
    ['{{.ID .Name}}', /1:7: only functions take arguments/],
    ['{{.ID | .Name}}', /what stands behind \| must be a function/],
    ['{{}}', /there is nothing in this \{\{\}\}/],
    ['{{"x}}', /this text does not end/],
    ['{{index .Tags 5}}', /index 5 is out of range: there are 2/],
    ['{{upper 5}}', /upper wants a text, not 5/],
    ['{{join .Tags}}', /join takes 2 arguments, not 1/],
    ['{{define "x"}}{{end}}', /define is not supported/],
    ['{{$x}}', /there is no variable \$x/],
    ['{{break}}', /break stands outside of a range/],
    ['{{(.ID}}', /a \) is wanted here/],
    ['{{lt .ID 1}}', /abc and 1 cannot be compared/],
    ['{{.ID}} {{.constructor}}', /there is no field \.constructor/],
    ['{{.__proto__}}', /there is no field \.__proto__/],
  ]
  for (const [source, wanted] of WRONG) test(`refuses ${source}`, () => assert.throws(() => render(source), wanted))
})
