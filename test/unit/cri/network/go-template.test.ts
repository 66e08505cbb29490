/** Templates of network configurations. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { renderTemplate } from '../../../../cri/network/go-template.ts'

const DATA = { PodCIDR: '10.0.0.0/24', PodCIDRRanges: ['10.0.0.0/24', 'fd00::/64'], Routes: ['0.0.0.0/0'], None: [], Empty: '' }

describe('a template', () => {
  const rendered: readonly (readonly [template: string, text: string])[] = [
    ['{"subnet": "{{.PodCIDR}}"}', '{"subnet": "10.0.0.0/24"}'],
    ['{{ .PodCIDR }}', '10.0.0.0/24'],
    // as containerd's documentation has it
    [
      '"ranges": [{{range $i, $range := .PodCIDRRanges}}{{if $i}}, {{end}}[{"subnet": "{{$range}}"}]{{end}}]',
      '"ranges": [[{"subnet": "10.0.0.0/24"}], [{"subnet": "fd00::/64"}]]',
    ],
    ['{{range .Routes}}<{{.}}>{{end}}', '<0.0.0.0/0>'],
    ['{{range $r := .Routes}}<{{$r}}>{{end}}', '<0.0.0.0/0>'],
    ['{{range .None}}x{{else}}nothing{{end}}', 'nothing'],
    ['{{if .Empty}}x{{else}}empty{{end}}{{if .PodCIDR}}there{{end}}', 'emptythere'],
    ['{{if .None}}x{{end}}.', '.'],
    ['a  {{- /* said */ -}}  b', 'ab'],
    ['[ {{- .PodCIDR -}} ]', '[10.0.0.0/24]'],
    ['no action', 'no action'],
  ]
  for (const [template, text] of rendered) test(JSON.stringify(template), () => assert.equal(renderTemplate(template, DATA), text))

  for (const [template, action] of [
    ['{{.Nothing}}', '.Nothing'],
    ['{{printf "%s" .PodCIDR}}', 'printf "%s" .PodCIDR'],
    ['{{range .PodCIDR}}x{{end}}', 'range .PodCIDR'],
    ['{{range .Routes}}x', 'range .Routes'],
    ['x{{end}}', 'end'],
    ['{{$x}}', '$x'],
    ['{{range $i, $r := .Routes}}{{end}}{{$r}}', '$r'],
  ] as const)
    test(`refused: ${template}`, () =>
      assert.throws(
        () => renderTemplate(template, DATA),
        (error: Error) =>
          error.message.includes(`{{${action}}} is not understood`) && (error as { kind?: string }).kind === 'invalid-argument',
      ))
})
