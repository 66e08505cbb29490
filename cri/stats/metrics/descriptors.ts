/** The metrics there are, by the names and labels that cAdvisor gives them and dashboards ask for. */
import { MetricType } from '../../api/api_pb.js'

/** Of every metric: container and pod as Kubernetes names them, cgroup and name as the runtime does. */
export const BASE_LABELS = ['container', 'id', 'image', 'name', 'namespace', 'pod'] as const

export interface Descriptor {
  readonly help: string
  readonly type: MetricType
  /** Besides those of every metric. */
  readonly labels: readonly string[]
}

const counter = (help: string, ...labels: string[]): Descriptor => ({ help, type: MetricType.COUNTER, labels })
const gauge = (help: string, ...labels: string[]): Descriptor => ({ help, type: MetricType.GAUGE, labels })

export const DESCRIPTORS = {
  container_cpu_usage_seconds_total: counter('CPU time consumed, in seconds.', 'cpu'),
  container_cpu_user_seconds_total: counter('CPU time consumed in user mode, in seconds.'),
  container_cpu_system_seconds_total: counter('CPU time consumed in the kernel, in seconds.'),
  container_cpu_cfs_periods_total: counter('Periods of the CPU limit that have passed.'),
  container_cpu_cfs_throttled_periods_total: counter('Periods of the CPU limit in which it was throttled.'),
  container_cpu_cfs_throttled_seconds_total: counter('Time for which it was throttled, in seconds.'),

  container_memory_usage_bytes: gauge('Memory in use, whenever it was touched, in bytes.'),
  container_memory_working_set_bytes: gauge('Memory in use without the inactive page cache, in bytes.'),
  container_memory_rss: gauge('Anonymous memory, in bytes.'),
  container_memory_cache: gauge('Page cache, in bytes.'),
  container_memory_mapped_file: gauge('Files mapped into memory, in bytes.'),
  container_memory_swap: gauge('Swap in use, in bytes.'),
  container_memory_failcnt: counter('Times that the memory limit was hit.'),
  container_memory_max_usage_bytes: gauge('The most memory that was in use, in bytes.'),
  container_memory_kernel_usage: gauge('Memory that the kernel uses for it, in bytes.'),
  container_memory_total_active_file_bytes: gauge('Active page cache, in bytes.'),
  container_memory_total_inactive_file_bytes: gauge('Inactive page cache, in bytes.'),
  container_memory_failures_total: counter('Page faults.', 'failure_type', 'scope'),
  container_oom_events_total: counter('Processes that were killed because memory ran out.'),

  container_fs_usage_bytes: gauge('What it has written and still takes on the disk, in bytes.', 'device'),
  container_fs_limit_bytes: gauge('Size of the file system that it writes to, in bytes.', 'device'),
  container_fs_inodes_total: gauge('Inodes of the file system that it writes to.', 'device'),
  container_fs_inodes_free: gauge('Free inodes of the file system that it writes to.', 'device'),
  container_fs_reads_bytes_total: counter('Bytes read from devices.', 'device'),
  container_fs_reads_total: counter('Reads from devices.', 'device'),
  container_fs_writes_bytes_total: counter('Bytes written to devices.', 'device'),
  container_fs_writes_total: counter('Writes to devices.', 'device'),
  container_blkio_device_usage_total: counter('Bytes read from and written to devices.', 'device', 'major', 'minor', 'operation'),

  container_hugetlb_usage_bytes: gauge('Huge pages in use, in bytes.', 'pagesize'),
  container_hugetlb_max_usage_bytes: gauge('The most huge pages that were in use, in bytes.', 'pagesize'),

  container_network_receive_bytes_total: counter('Bytes received.', 'interface'),
  container_network_receive_packets_total: counter('Packets received.', 'interface'),
  container_network_receive_packets_dropped_total: counter('Packets dropped while receiving.', 'interface'),
  container_network_receive_errors_total: counter('Errors while receiving.', 'interface'),
  container_network_transmit_bytes_total: counter('Bytes sent.', 'interface'),
  container_network_transmit_packets_total: counter('Packets sent.', 'interface'),
  container_network_transmit_packets_dropped_total: counter('Packets dropped while sending.', 'interface'),
  container_network_transmit_errors_total: counter('Errors while sending.', 'interface'),

  container_processes: gauge('Processes.'),
  container_threads: gauge('Threads of all processes.'),
  container_threads_max: gauge('Threads that there may be; 0: any number.'),
  container_file_descriptors: gauge('Open file descriptors of all processes.'),
  container_sockets: gauge('Open sockets of all processes.'),
  container_ulimits_soft: gauge('Soft limits of the first process.', 'ulimit'),

  container_spec_cpu_period: gauge('Period of the CPU limit, in microseconds.'),
  container_spec_cpu_quota: gauge('CPU time in a period, in microseconds.'),
  container_spec_cpu_shares: gauge('Share of CPU time, in relation to others.'),
  container_spec_memory_limit_bytes: gauge('Memory limit, in bytes; 0: none.'),
  container_spec_memory_swap_limit_bytes: gauge('Limit of memory and swap together, in bytes; 0: none.'),
  container_spec_memory_reservation_limit_bytes: gauge('Memory that is left to it while there is a shortage, in bytes.'),
  container_start_time_seconds: gauge('When it was started, in seconds since the epoch.'),
  container_last_seen: gauge('When it was looked at, in seconds since the epoch.'),

  container_pressure_cpu_waiting_seconds_total: counter('Time in which some processes waited for a CPU, in seconds.'),
  container_pressure_cpu_stalled_seconds_total: counter('Time in which all processes waited for a CPU, in seconds.'),
  container_pressure_memory_waiting_seconds_total: counter('Time in which some processes waited for memory, in seconds.'),
  container_pressure_memory_stalled_seconds_total: counter('Time in which all processes waited for memory, in seconds.'),
  container_pressure_io_waiting_seconds_total: counter('Time in which some processes waited for devices, in seconds.'),
  container_pressure_io_stalled_seconds_total: counter('Time in which all processes waited for devices, in seconds.'),
} as const satisfies Readonly<Record<string, Descriptor>>

export type MetricName = keyof typeof DESCRIPTORS
