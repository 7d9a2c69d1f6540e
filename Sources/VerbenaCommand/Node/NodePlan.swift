internal import BenchKit
internal import CLinuxShims
internal import EmulatedTransport
internal import Foundation
internal import LustreWire
internal import O2IBLND
internal import RDMATransport
internal import TransportTools
internal import Verbena
internal import VerbsTransport

/// A node to be started: who it is, and by which transport.
struct NodePlan {
  enum Backend: Sendable {
    case emulated(fabric: String, addresses: [UInt32])
    case verbs(VerbsTransport.Configuration)

    /// For reports.
    var name: String {
      switch self {
      case .emulated(let fabric, _): "emulated fabric \(fabric)"
      case .verbs(let configuration): "verbs device \(configuration.deviceName ?? "by address")"
      }
    }
  }

  var configuration: NodeConfiguration
  var backend: Backend
  /// Where a capture goes; nil for none.
  var capturePath: String?

  /// - Parameters:
  ///   - settings: as flags, variables and file say.
  ///   - isTransient: a node for the length of a command: without an address it takes a free one.
  init(_ settings: NodeSettings, isTransient: Bool) throws(CommandFailure) {
    let common = settings.common
    let fabric = common.optionalText(.fabric)
    if let problem = fabric.flatMap(EmulatedTransport.problem) {
      throw CommandFailure(.usage, "--fabric: \(problem)")
    }
    let nids = try Self.nids(settings, isTransient: isTransient)
    if let fabric {
      backend = .emulated(fabric: fabric, addresses: nids.map(\.address))
    } else {
      let gidIndex = common.integer(.gidIndex)
      backend = .verbs(
        VerbsTransport.Configuration(
          address: nids[0].address, furtherAddresses: nids.dropFirst().map(\.address),
          deviceName: common.optionalText(.device),
          port: common.origin(.port) == .standard ? nil : UInt8(common.integer(.port)),
          gidIndex: gidIndex < 0 ? nil : gidIndex))
    }
    configuration = NodeConfiguration(nids: nids)
    configuration.fabric = fabric
    configuration.spin = .nanoseconds(Int64(common.nanoseconds(.spin)))
    configuration.processor = common.integer(.cpu) < 0 ? nil : common.integer(.cpu)
    configuration.tunables = try Self.tunables(settings)
    capturePath = common.optionalText(.pcap)
    Self.useRuntimeDirectory(of: settings)
  }

  /// The node's NIDs. Without an address, those of a command are chance on a fabric, and those of the first usable
  /// device else.
  static func nids(_ settings: NodeSettings, isTransient: Bool) throws(CommandFailure) -> [NID] {
    var nids: [NID] = []
    for interface in settings.interfaces {
      let net = try Self.net(interface.net)
      if let bind = interface.bind {
        nids.append(NID(net: net, address: try HostAddress.resolve(bind)))
      } else if settings.common.optionalText(.fabric) != nil {
        guard isTransient else {
          throw CommandFailure(
            .usage, "a node on a fabric needs an address: give --bind, such as --bind 10.0.0.1")
        }
        nids.append(NID(net: net, address: Self.transientAddress()))
      } else {
        nids.append(NID(net: net, address: try DeviceAddress.first(settings.common)))
      }
    }
    return nids
  }

  /// Control sockets are looked for where the settings say.
  static func useRuntimeDirectory(of settings: NodeSettings) {
    guard let directory = settings.common.optionalText(.runtimeDirectory) else { return }
    // SAFETY: both are C strings for the length of the call, and no other thread reads variables yet.
    _ = unsafe setenv(RuntimeDirectory.variableName, directory, 1)
  }

  private static func net(_ text: String) throws(CommandFailure) -> NetID {
    do throws(NIDTextError) {
      return try NetID(text: text)
    } catch { throw CommandFailure(.usage, "network '\(text)': \(error)") }
  }

  /// The driver's tunables; one driver serves all interfaces, so they must agree.
  private static func tunables(_ settings: NodeSettings) throws(CommandFailure)
    -> O2IBConfiguration
  {
    guard let first = settings.interfaces.first?.tunables else { return O2IBConfiguration() }
    for interface in settings.interfaces.dropFirst() {
      for (mine, theirs) in zip(interface.tunables.entries, first.entries)
      where mine.text != theirs.text {
        throw CommandFailure(
          .usage,
          "\(mine.setting.name) is \(mine.text) (\(mine.origin)) for one local NI and \(theirs.text) "
            + "(\(theirs.origin)) for another; all local NIs of a node have the same tunables")
      }
    }
    var configuration = O2IBConfiguration()
    do throws(O2IBConfigurationError) {
      for entry in first.entries {
        guard let key = entry.setting.tunableKey else { continue }
        try configuration.set(key, to: first.integer(entry.setting))
      }
      try configuration.set("service", to: settings.common.integer(.service))
    } catch { throw CommandFailure(.usage, "\(error)") }
    return configuration
  }

  /// An address of 10.255.0.0/16 by chance: commands come and go, and must not meet.
  private static func transientAddress() -> UInt32 {
    10 << 24 | 255 << 16 | UInt32.random(in: 1...65534)
  }

  /// Starts it, with a program on its loop.
  ///
  /// - Parameter timings: takes the times of its connects' steps; nil for nobody.
  func start<Program: NodeProgram & SendableMetatype & ~Copyable>(
    timings: ConnectTimings? = nil, program: @escaping @Sendable () -> Program
  ) async throws(CommandFailure) -> Node {
    switch backend {
    case .emulated(let fabric, let addresses):
      try await start(timings, program) { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: addresses)
      }
    case .verbs(let device):
      try await start(timings, program) { () throws(TransportError) in
        try VerbsTransport(device)
      }
    }
  }

  private typealias Opening<Base: ~Copyable> = @Sendable () throws(TransportError) -> Base

  /// Wraps the transport in what was asked for: the capture inside, so that it sees what the wire does.
  private func start<
    Base: RDMATransport & SendableMetatype & ~Copyable,
    Program: NodeProgram & SendableMetatype & ~Copyable
  >(
    _ timings: ConnectTimings?, _ program: @escaping @Sendable () -> Program,
    _ open: @escaping Opening<Base>
  ) async throws(CommandFailure) -> Node {
    guard let capturePath else { return try await startTimed(timings, program, open) }
    let file = try CaptureFile(path: capturePath)
    return try await startTimed(timings, program) { () throws(TransportError) in
      Capturing(try open(), now: { clinux_realtime_nanoseconds() }, sink: { file.append($0) })
    }
  }

  private func startTimed<
    Base: RDMATransport & SendableMetatype & ~Copyable,
    Program: NodeProgram & SendableMetatype & ~Copyable
  >(
    _ timings: ConnectTimings?, _ program: @escaping @Sendable () -> Program,
    _ open: @escaping Opening<Base>
  ) async throws(CommandFailure) -> Node {
    do throws(NodeError) {
      guard let timings else {
        return try await Node.start(configuration, program: program, transport: open)
      }
      return try await Node.start(configuration, program: program) {
        () throws(TransportError) in TimedTransport(try open(), timings: timings)
      }
    } catch { throw CommandFailure(error) }
  }

  func start() async throws(CommandFailure) -> Node {
    try await start(program: { NoProgram() })
  }
}

extension Setting {
  /// The driver's name of a tunable.
  fileprivate var tunableKey: String? {
    switch section {
    case .tunables(let key), .lndTunables(let key): key
    case .none, .verbena: nil
    }
  }
}

extension CommandFailure {
  /// What a script is told of a node's error.
  init(_ error: NodeError) {
    let status: ExitStatus =
      switch error.code {
      case .configuration: .usage
      case .transport, .unreachable: .unavailable
      case .timedOut: .timedOut
      case .cancelled: .interrupted
      case .system, .remote, .limit, .stopped: .failed
      }
    self.init(status, error.description)
  }
}
