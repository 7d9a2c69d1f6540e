// Property: clients in other processes each have exactly one export at each target; bulk with checksums comes back byte
// for byte; who leaves is forgotten at once, and who is killed does not take anybody along.
// Method: a server of eight targets here, clients by the dozen in two child processes, of which one leaves in order and
// one kills itself; VERBENA_CROWD is the number of clients, 2000 for the whole size. It runs by itself: an exit test
// keeps a thread of the pool for as long as its child lives, and a child that needs its parent may wait for ever beside
// another test that keeps one.
import Connections
import EmulatedTransport
import Foundation
import Glibc
import LustreWire
import NodeCore
import PtlRPC
import RDMATransport
import Roles
import Testing

@testable import Verbena

private let serverNID = NID.o2ib(10 << 24 | 1)
private let targetCount = 8
private let crowdSize = Int(ProcessInfo.processInfo.environment["VERBENA_CROWD"] ?? "")

/// Clients of one process, each a node with a NID and a mount of its own.
private struct Crowd {
  private var members: [(node: Node, mount: MountedFileSystem)] = []

  init(_ fabric: String, first: Int, count: Int) async throws {
    for number in first..<(first + count) {
      var configuration = NodeConfiguration(nids: [.o2ib(10 << 24 | 3 << 16 | UInt32(number))])
      var timing = TimingProfile.fast
      // Nobody leaves while the others come.
      timing.idleTimeout = 0
      configuration.keepTablesSmall(servers: 1, imports: targetCount + 1, timing: timing)
      let addresses = configuration.nids.map(\.address)
      let node = try await Node.start(configuration) { () throws(TransportError) in
        try EmulatedTransport.open(
          fabric: fabric, addresses: addresses,
          limits: FabricLimits(memoryByteCountMax: 16 << 20))
      }
      members.append((node, try await node.mount("lfs", management: [[serverNID]])))
    }
  }

  /// Each member writes an object of its own and reads it back.
  func moveData() async throws {
    for (number, member) in members.enumerated() {
      let targets = try await member.mount.objectTargets()
      guard targets.count == targetCount - 1 else { throw CrowdError.targets(targets.count) }
      let target = targets[number % targets.count]
      let object = try await target.create()
      let data = (0..<70_001).map { UInt8(truncatingIfNeeded: $0 &* (7 + number) ^ $0 >> 9) }
      var buffer = try await member.node.allocate(byteCount: data.count)
      buffer.store(data)
      let written = await target.write(buffer, to: object)
      _ = try written.result.get()
      buffer = written.takeBuffer()
      buffer.store([UInt8](repeating: 0, count: data.count))
      let read = await target.read(into: buffer, from: object)
      _ = try read.result.get()
      guard read.takeBuffer().prefix(data.count) == data else { throw CrowdError.data(number) }
    }
  }

  func leave() async {
    for member in members {
      await member.mount.unmount()
      await member.node.stop()
    }
  }
}

private enum CrowdError: Error { case targets(Int), data(Int) }

/// A named pipe: whoever waits goes on when everybody who may write to it has closed it.
private struct Gate {
  let path: String

  init() {
    path =
      FileManager.default.temporaryDirectory.path + "/verbena-gate-\(UInt64.random(in: 0 ... .max))"
    mkfifo(path, 0o600)
  }

  /// In the child: on a thread of its own, as it blocks.
  static func wait(_ path: String) async {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        let descriptor = open(path, O_RDONLY)
        var byte: UInt8 = 0
        while read(descriptor, &byte, 1) > 0 {}
        close(descriptor)
        continuation.resume()
      }
    }
  }

  /// Waits until somebody waits at the gate; nil when nobody came in ten minutes. On a thread of its own, as it blocks.
  func reached() async -> Int32? {
    let path = path
    let descriptor = await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        var descriptor: Int32 = -1
        for _ in 0..<60_000 where descriptor < 0 {
          descriptor = open(path, O_WRONLY | O_NONBLOCK)
          if descriptor < 0 { usleep(10_000) }
        }
        continuation.resume(returning: descriptor)
      }
    }
    unlink(path)
    return descriptor < 0 ? nil : descriptor
  }
}

@Suite(
  .serialized,
  .enabled(if: crowdSize != nil, "it runs by itself: `Tests/run crowd`")
)
struct CrowdTests {
  private let fabric = "crowd-\(UInt64.random(in: 0 ... .max))"

  /// A server of eight targets and their management server.
  private func server(clients: Int) async throws -> LustreNode {
    var configuration = NodeConfiguration(nids: [serverNID])
    configuration.bulkByteCount = 64 << 20
    var capacity = ConnectionsCapacity()
    capacity.imports = 256
    capacity.exports = (clients + 16) * (targetCount + 1)
    capacity.locks = 4 * clients + 1024
    capacity.events = 16384
    var rpc = RPCCapacity()
    rpc.serverRequests = max(512, min(8192, 4 * clients))
    rpc.events = 8192
    configuration.enableConnections(capacity, timing: .fast, rpc: rpc)
    configuration.driverLimits.connections = 2 * clients + 64
    configuration.driverLimits.peers = 2 * clients + 64
    configuration.lnetLimits.messagesInPlace = max(2048, rpc.serverRequests)
    var targets = [HostedTarget(TargetSpecification(kind: .mgs))]
    for index in 0..<targetCount {
      var specification = TargetSpecification(
        kind: index == 0 ? .mdt : .ost, fileSystem: "lfs", index: UInt32(max(0, index - 1)))
      specification.managementNodes = [[serverNID]]
      targets.append(HostedTarget(specification))
    }
    let fabric = fabric
    let server = try await LustreNode.start(
      configuration, targets: targets, guest: { NoProgram() },
      transport: { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: [serverNID.address])
      })
    var waiting = Set(targets.map(\.specification.name))
    for await notice in server.notices() {
      try #require(notice.state != .failed, "\(notice.name): \(notice.explanation)")
      if notice.state == .open { waiting.remove(notice.name) }
      if waiting.isEmpty { break }
    }
    return server
  }

  /// Exports of clients at each target of the file system, those of servers not counted.
  private func clientExports(_ server: LustreNode) async throws -> [Int] {
    let names = try await server.withRoles("test") { _, node in
      (0..<node.connections.exportPlaceCount).compactMap { place -> String? in
        guard let handle = node.connections.exportHandle(at: place),
          let view = node.connections.view(handle), view.nid.address >> 16 == 10 << 8 | 3
        else { return nil }
        return "\(view.target.name)"
      }
    }
    let byTarget = names.filter { !$0.hasPrefix("MGS") }.reduce(into: [String: Int]()) {
      $0[$1, default: 0] += 1
    }
    return byTarget.values.sorted()
  }

  /// One child at a time.
  @Test func clientsOfOtherProcesses() async throws {
    let count = try #require(crowdSize)
    let killed = max(1, count / 4)
    let server = try await server(clients: count)
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [fabric = fabric as String, killed = killed as Int] in
      let crowd = try await Crowd(fabric, first: 1, count: killed)
      try await crowd.moveData()
      kill(getpid(), SIGKILL)
    }
    let gate = Gate()
    async let leaving = #expect(processExitsWith: .success) {
      [
        fabric = fabric as String, path = gate.path as String, count = count - killed as Int,
        first = killed + 1 as Int
      ] in
      let crowd = try await Crowd(fabric, first: first, count: count)
      try await crowd.moveData()
      await Gate.wait(path)
      await crowd.leave()
    }
    // All have mounted and moved their data when they wait at the gate.
    let reached = try #require(await gate.reached())
    // Those that were killed could not say so: their exports stay until their time has passed.
    #expect(try await exportsEverMade(server) == count * targetCount)
    // Each has written and read once, with checksums.
    #expect(try await checksums(server) >= UInt64(2 * count))
    let before = try await counters(server)
    close(reached)
    _ = await leaving
    let after = try await counters(server)
    // At the management server, too.
    let ends = after.exportsDisconnected - before.exportsDisconnected
    #expect(ends == UInt64((count - killed) * (targetCount + 1)))
    #expect(try await exportsEverMade(server) == killed * targetCount)
    await server.stop()
  }

  /// Exports of clients, and those that were evicted meanwhile, if the machine is slow.
  private func exportsEverMade(_ server: LustreNode) async throws -> Int {
    let byTarget = try await clientExports(server)
    #expect(byTarget.count == targetCount && Set(byTarget).count == 1)
    return byTarget.reduce(0, +) + Int(try await counters(server).exportsEvicted)
  }

  /// Transfers whose data both ends have computed a checksum of.
  private func checksums(_ server: LustreNode) async throws -> UInt64 {
    try await server.withRoles("test") { roles, _ in
      // The management server and the metadata target come first.
      (2...targetCount).reduce(0) { $0 + roles.counters(ofTarget: $1).checksums }
    }
  }

  private func counters(_ server: LustreNode) async throws -> ConnectionsCounters {
    try await server.withRoles("test") { _, node in node.connections.counters }
  }
}
