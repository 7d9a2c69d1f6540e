internal import BenchKit
internal import CLinuxShims
internal import LustreWire
internal import Verbena
internal import VerbsTransport

/// A server in another process, with object targets, that somebody else ends and starts again.
struct DistantServer: Sendable {
  let nid: NID
  let targets: [ObdUUID]
  /// The first client; each of the others has the address behind that of the one before.
  let plan: NodePlan

  init(_ nid: NID, _ settings: Settings, _ node: NodeSettings) throws(CommandFailure) {
    self.nid = nid
    let fileSystem = settings.text(.fileSystem)
    var targets: [ObdUUID] = []
    for index in 0..<settings.integer(.stormTargets) {
      let number = String(index, radix: 16)
      let name =
        "\(fileSystem)-OST\(String(repeating: "0", count: max(0, 4 - number.count)))\(number)"
      guard (1...8).contains(fileSystem.utf8.count), let target = ObdUUID("\(name)_UUID") else {
        throw CommandFailure(.usage, "fsname '\(fileSystem)' must have 1 to 8 characters")
      }
      targets.append(target)
    }
    self.targets = targets
    plan = try NodePlan(node, isTransient: true)
    guard plan.configuration.nids.count == 1, plan.capturePath == nil else {
      throw CommandFailure(
        .usage, "every client has one address and no capture: give --bind once, and no --pcap")
    }
  }
}

extension NodePlan {
  /// The plan of another node, whose address is so many further.
  func moved(by count: Int) -> NodePlan {
    var plan = self
    let first = configuration.nids[0]
    let nid = NID(net: first.net, address: first.address &+ UInt32(count))
    plan.configuration.nids = [nid]
    switch backend {
    case .emulated(let fabric, _):
      plan.backend = .emulated(fabric: fabric, addresses: [nid.address])
    case .verbs(var device):
      device.address = nid.address
      plan.backend = .verbs(device)
    }
    return plan
  }
}

extension StormRun {
  /// Waits until the server has gone and is back: the first connection that stands again says so.
  func run(
    against server: DistantServer, into report: inout BenchReport, _ interruption: Interruption
  ) async throws {
    let board = StormBoard(importCount: clientCount * targetCount)
    var nodes: [Node] = []
    var failure: (any Error)?
    do {
      let began = clinux_monotonic_nanoseconds()
      for index in 0..<clientCount where !interruption.isRequested {
        nodes.append(try await client(index, of: server, board))
      }
      try await wait("at first", board, interruption, client: nodes.first) { $0.isWhole }
      var figures = Figures()
      figures.joinedNanoseconds = clinux_monotonic_nanoseconds() - began
      board.serverGoes(isBackByConnection: true)
      Streams.error(
        "verbena: \(board.importCount) imports are FULL: end the server (kill -9) and start it again\n"
      )
      try await wait("until the server went", board, interruption) { $0.isServerMissed }
      try await wait("until the server was back", board, interruption, client: nodes.first) {
        $0.isServerBack
      }
      figures.before = ProcessFigures()
      defer {
        figures.after = ProcessFigures()
        file(board, into: &report, figures)
      }
      try await wait("after the server was back", board, interruption, client: nodes.first) {
        $0.isWhole
      }
    } catch { failure = error }
    for node in nodes.reversed() { await node.kill() }
    if let failure { throw failure }
  }

  /// Why imports are not FULL: how their last attempts ended, what that most often means, and what the server's node
  /// answers when it is asked itself.
  func reasons(_ board: StormBoard, _ client: Node?) async -> String {
    var text = ""
    for failure in board.failures {
      let name = targetName(failure.place % targetCount)
      let errno = WireErrno(status: failure.status)?.name.map { "\($0)" } ?? "\(failure.status)"
      text += "; \(failure.count) ended with \(errno), such as \(name)"
      if let distant, failure.status == WireErrno.enodev.status {
        text += ": \(distant.nid) has no such target, compare --fsname and --targets with its own"
      }
    }
    let isAnswered = board.failures.contains { $0.status != WireErrno.etimedout.status }
    guard let distant, let client, !isAnswered else { return text }
    do throws(NodeError) {
      _ = try await client.ping(distant.nid, timeout: .seconds(5))
      return text + "; its node answers a ping"
    } catch { return text + "; \(error)" }
  }

  private func targetName(_ index: Int) -> ObdUUID {
    distant?.targets[index] ?? SessionServer.uuid(index)
  }

  private func client(
    _ index: Int, of server: DistantServer, _ board: StormBoard
  ) async throws(CommandFailure) -> Node {
    var plan = server.plan.moved(by: index)
    plan.configuration.keepTablesSmall(servers: 1, imports: targetCount, timing: timing)
    return try await plan.start {
      StormClient(board, server: server.nid, targets: server.targets, client: index)
    }
  }
}
