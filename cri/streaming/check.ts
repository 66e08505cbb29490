/** What cannot be asked for: cri-api, ExecRequest, AttachRequest, PortForwardRequest. */
import { InvalidField } from '../../runtime/errors.ts'
import type { AttachRequest, ExecRequest, PortForwardRequest } from '../api/api_pb.js'

const checkStreams = ({ containerId, stdin, stdout, stderr, tty }: ExecRequest | AttachRequest): void => {
  if (containerId === '') throw new InvalidField('container_id', 'is missing')
  if (tty && stderr) throw new InvalidField('stderr', 'is not to be had with tty: a terminal has one output')
  if (!stdin && !stdout && !stderr) throw new InvalidField('stdin', 'one of stdin, stdout and stderr has to be true')
}

export const checkExec = (request: ExecRequest): ExecRequest => {
  checkStreams(request)
  if (request.cmd.length === 0 || request.cmd[0] === '') throw new InvalidField('cmd', 'is empty: name a program')
  return request
}

export const checkAttach = (request: AttachRequest): AttachRequest => {
  checkStreams(request)
  return request
}

export const checkPortForward = (request: PortForwardRequest): PortForwardRequest => {
  if (request.podSandboxId === '') throw new InvalidField('pod_sandbox_id', 'is missing')
  for (const [index, port] of request.port.entries())
    if (port < 1 || port > 0xffff) throw new InvalidField(`port[${index}]`, `${port} is no port: 1 to 65535 are`)
  // two channels each, whose numbers are one byte
  if (request.port.length > 127) throw new InvalidField('port', `has ${request.port.length} ports: at most 127 go over one connection`)
  return request
}
