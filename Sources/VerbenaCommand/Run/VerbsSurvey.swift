internal import BenchKit
internal import RDMATransport
internal import VerbsTransport

/// What the verbs library says of this machine, for `info`.
enum VerbsSurvey {
  /// Adds the devices' limits, and what keeps a device from being opened, to what the kernel's files say.
  static func complete(_ report: inout InfoReport) {
    do throws(TransportError) {
      for device in try VerbsTransport.devices() {
        if let problem = device.problem {
          report.checks.append(HostCheck(device.name, .missing, "cannot be opened", fix: problem))
        } else {
          report.limits += limits(of: device).map { (device.name, $0.name, $0.value) }
        }
      }
    } catch {
      report.checks.append(
        HostCheck("verbs library", .missing, "\(error.call) failed", fix: error.explanation))
    }
  }

  /// The NUMA node of a device; nil where the system does not say.
  static func numaNode(of name: String) -> Int? {
    let devices = try? VerbsTransport.devices()
    return devices?.first { $0.name == name }?.numaNode
  }

  private static func limits(of device: VerbsDevice) -> [(name: String, value: String)] {
    [
      ("queue pairs", "\(device.queuePairCountMax)"),
      ("work requests of a queue", "\(device.workRequestCountMax)"),
      ("segments of a request", "\(device.segmentCountMax)"),
      ("completion queue entries", "\(device.completionQueueEntriesMax)"),
      ("memory regions", "\(device.memoryRegionCountMax)"),
      ("READs in flight per queue pair", "\(device.readsPerQueuePairMax)"),
      ("inline bytes", "\(device.inlineByteCountMax)"),
      ("NUMA node", device.numaNode.map(String.init) ?? "-"),
    ]
  }
}
