internal import CLinuxShims
internal import RDMATransport
internal import Verbena
internal import VerbsTransport

/// Where a node runs: its device and its loop's processor, each with its NUMA node where the system tells it.
struct NodePlace {
  /// What carries its messages.
  private let transport: String
  private let deviceNode: Int?
  private let processor: Int?
  private let processorNode: Int?

  init(_ node: Node, _ plan: NodePlan) {
    switch plan.backend {
    case .emulated:
      self.init(
        transport: plan.backend.name, deviceNode: nil, processor: plan.configuration.processor)
    case .verbs:
      self.init(
        transport: "verbs device \(node.deviceName)",
        deviceNode: VerbsSurvey.numaNode(of: node.deviceName),
        processor: plan.configuration.processor)
    }
  }

  private init(transport: String, deviceNode: Int?, processor: Int?) {
    let processorNode = processor.map { Int(clinux_numa_node(Int32(clamping: $0))) }
    self.init(
      transport: transport, deviceNode: deviceNode, processor: processor,
      processorNode: processorNode.flatMap { $0 < 0 ? nil : $0 })
  }

  init(transport: String, deviceNode: Int?, processor: Int?, processorNode: Int?) {
    self.transport = transport
    self.deviceNode = deviceNode
    self.processor = processor
    self.processorNode = processorNode
  }

  /// `verbs device mlx5_0 (NUMA node 1), loop on CPU 8 (NUMA node 1)`.
  var text: String {
    var text = transport + Self.text(numaNode: deviceNode)
    if let processor { text += ", loop on CPU \(processor)" + Self.text(numaNode: processorNode) }
    return text
  }

  private static func text(numaNode: Int?) -> String { numaNode.map { " (NUMA node \($0))" } ?? "" }

  /// What the user can do for a faster node; nil where nothing is known to be wrong.
  var advice: String? {
    guard let processor, let deviceNode, let processorNode, deviceNode != processorNode else {
      return nil
    }
    return
      "CPU \(processor) is on NUMA node \(processorNode), \(transport) on \(deviceNode): every message "
      + "crosses between them; give --cpu one of /sys/devices/system/node/node\(deviceNode)/cpulist"
  }
}
