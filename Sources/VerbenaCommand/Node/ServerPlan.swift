internal import BenchKit
internal import Connections
internal import EmulatedTransport
internal import LustreWire
internal import O2IBLND
internal import PtlRPC
internal import RDMATransport
internal import Roles
internal import TransportTools
internal import CLinuxShims
internal import Verbena
internal import VerbsTransport

/// The targets of a server, as flags, variables and the file say.
enum ServerPlan {
  static func targets(_ settings: Settings) throws(CommandFailure) -> [HostedTarget] {
    let management = try nodes(settings, .managementNodes)
    let services = try nodes(settings, .serviceNodes)
    let fileSystem = settings.text(.fileSystem)
    guard (1...8).contains(fileSystem.utf8.count),
      fileSystem.utf8.allSatisfy({ isNameByte($0) })
    else {
      throw CommandFailure(
        .usage, "fsname '\(fileSystem)' must be 1 to 8 letters, digits, - or _")
    }
    var targets: [HostedTarget] = []
    func add(_ specification: TargetSpecification) {
      let directory = settings.optionalText(.data).map { "\($0)/\(specification.name)" }
      targets.append(HostedTarget(specification, directory: directory))
    }
    if settings.isOn(.hostsManagement) { add(TargetSpecification(kind: .mgs)) }
    for (kind, setting) in [(TargetKind.mdt, Setting.metadataTargets), (.ost, .objectTargets)] {
      for index in try indices(settings, setting) {
        var specification = TargetSpecification(
          kind: kind, fileSystem: fileSystem, index: UInt32(index))
        specification.managementNodes = management
        specification.failoverNodes = services
        add(specification)
      }
    }
    guard !targets.isEmpty else {
      throw CommandFailure(
        .usage, "a server without targets: give --mgs, --mdt INDICES or --ost INDICES")
    }
    return targets
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// Nodes with colons between, their NIDs with commas, as mount.lustre takes them.
  static func nodes(_ text: String) throws(CommandFailure) -> [[NID]] {
    var nodes: [[NID]] = []
    for node in text.split(separator: ":") {
      nodes.append(try Targets.expand(node.split(separator: ",").map(String.init)))
    }
    return nodes
  }

  private static func nodes(
    _ settings: Settings, _ setting: Setting
  ) throws(CommandFailure) -> [[NID]] {
    try settings.optionalText(setting).map { text throws(CommandFailure) in try nodes(text) } ?? []
  }

  private static func indices(
    _ settings: Settings, _ setting: Setting
  ) throws(CommandFailure) -> [Int] {
    var indices: [Int] = []
    for part in settings.text(setting).split(separator: ",") {
      let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        .map { Int($0) }
      guard let first = ends[0], let last = ends[ends.count - 1], first >= 0, last <= 0xFFFF,
        first <= last, last - first < 64
      else {
        throw CommandFailure(
          .usage,
          "\(setting.name) '\(part)' is no index and no range of up to 64: write 0, 0-3 or 0,2")
      }
      indices += first...last
    }
    return indices
  }

  static func timing(_ settings: Settings) -> TimingProfile {
    TimingProfile.named(settings.text(.timing)) ?? .lustre
  }
}

extension NodePlan {
  /// Lets the node have so many clients at its targets.
  mutating func serve(exports: Int, timing: TimingProfile) {
    var capacity = ConnectionsCapacity()
    capacity.imports = 256
    capacity.targets = 64
    capacity.exports = exports
    capacity.locks = max(16_384, 4 * exports)
    var rpc = RPCCapacity()
    rpc.requests = 1024
    rpc.serverRequests = 2048
    rpc.copiedRequests = 512
    rpc.events = 4096
    capacity.events = 4096
    configuration.enableConnections(capacity, timing: timing, rpc: rpc)
    configuration.roles.metadataServers = 16
    configuration.roles.objectServers = 64
    configuration.roles.managementClients = 4
    configuration.driverLimits.connections = max(configuration.driverLimits.connections, exports)
    configuration.driverLimits.peers = max(configuration.driverLimits.peers, exports)
  }

  /// Starts it with roles.
  func startLustre<Guest: NodeProgram & ~Copyable & SendableMetatype>(
    _ targets: [HostedTarget] = [], guest: @escaping @Sendable () -> Guest
  ) async throws(CommandFailure) -> LustreNode {
    switch backend {
    case .emulated(let fabric, let addresses):
      try await lustre(targets, guest) { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: addresses)
      }
    case .verbs(let device):
      try await lustre(targets, guest) { () throws(TransportError) in
        try VerbsTransport(device)
      }
    }
  }

  private func lustre<
    Base: RDMATransport & SendableMetatype & ~Copyable,
    Guest: NodeProgram & ~Copyable & SendableMetatype
  >(
    _ targets: [HostedTarget], _ guest: @escaping @Sendable () -> Guest,
    _ open: @escaping @Sendable () throws(TransportError) -> Base
  ) async throws(CommandFailure) -> LustreNode {
    let file: CaptureFile? = try capturePath.map { path throws(CommandFailure) in
      try CaptureFile(path: path)
    }
    do throws(NodeError) {
      guard let file else {
        return try await LustreNode.start(
          configuration, targets: targets, guest: guest, transport: open)
      }
      return try await LustreNode.start(configuration, targets: targets, guest: guest) {
        () throws(TransportError) in
        Capturing(try open(), now: { clinux_realtime_nanoseconds() }, sink: { file.append($0) })
      }
    } catch { throw CommandFailure(error) }
  }
}
