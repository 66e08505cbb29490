/** An inspected container for templates: what Go has as maps may be asked for any key, and the fields of docker’s structs are always there. */
import type { InspectedContainer } from '../containers/inspect.ts'

const mapOf = (value: object): ReadonlyMap<string, unknown> => new Map(Object.entries(value))

export const inspectedForTemplate = (container: InspectedContainer): object => {
  const { State, Config, HostConfig, NetworkSettings, GraphDriver } = container
  return {
    SizeRw: undefined,
    Effective: undefined,
    ...container,
    State: { Health: undefined, ...State },
    Config: {
      Healthcheck: undefined,
      ...Config,
      ExposedPorts: mapOf(Config.ExposedPorts),
      Labels: mapOf(Config.Labels),
      Volumes: mapOf(Config.Volumes),
    },
    HostConfig: {
      ...HostConfig,
      Annotations: mapOf(HostConfig.Annotations),
      PortBindings: mapOf(HostConfig.PortBindings),
      Sysctls: mapOf(HostConfig.Sysctls),
      Tmpfs: mapOf(HostConfig.Tmpfs),
    },
    NetworkSettings: { ...NetworkSettings, Networks: mapOf(NetworkSettings.Networks), Ports: mapOf(NetworkSettings.Ports) },
    GraphDriver: { ...GraphDriver, Data: mapOf(GraphDriver.Data) },
  }
}
