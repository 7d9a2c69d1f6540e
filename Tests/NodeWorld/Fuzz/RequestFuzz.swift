internal import Connections
internal import LNet
internal import LustreWire
internal import NodeCore
internal import O2IBLND
internal import PtlRPC
internal import RDMATransport
internal import Roles
internal import Simulation
internal import Storage

/// A hostile client against a management, a metadata and an object target, directed by bytes: whatever it asks, the
/// server does not trap, serves its honest client, and has nothing left of the hostile one when that is gone.
package final class RequestFuzz {
  /// What was wrong at the end of one program of bytes, and how many replies the hostile client had.
  package struct Report: Equatable {
    package var violations: [String] = []
    package var replyCount = 0
    /// Requests that the server refused.
    package var refusedCount: UInt64 = 0
  }

  package static func run(_ bytes: [UInt8]) -> Report {
    do {
      let fuzz = try RequestFuzz(bytes)
      fuzz.runProgram()
      return fuzz.finish()
    } catch { preconditionFailure("the world does not begin: \(error)") }
  }

  private static var stepCountMax: Int { 300 }

  private let world = World()
  private let server: RoleNode
  private let honest: HonestUser
  private var hostile: HostileClient
  private var source: ByteSource
  private var report = Report()

  private init(_ bytes: [UInt8]) throws {
    source = ByteSource(bytes)
    let limits = Self.limits(cookie: 0x1000)
    server = LyingServer(
      [RoleDisk(.of(.mgs)), RoleDisk(.of(.mdt)), RoleDisk(.of(.ost), byteCapacity: 16 << 20)],
      limits: limits)
    try world.add(server, limits: limits)
    let own = Self.limits(cookie: 0x900_0000)
    honest = HonestUser(server: 0, limits: own)
    try world.add(honest, limits: own)
    hostile = HostileClient(server: 0)
    try world.add(hostile, limits: Self.hostileLimits())
    world.run(5) { honest.isReady }
    if !honest.isReady { report.violations.append("the honest client does not connect") }
  }

  static func limits(cookie: UInt64) -> SimulatedNode.Limits {
    World.limits(cookie: cookie) { limits in
      limits.bulkByteCount = 16 << 20
      limits.connections.capacity.exports = 16
      limits.connections.capacity.locks = 24
      limits.rpc.capacity.requests = 24
      limits.rpc.capacity.serverRequests = 40
      limits.rpc.capacity.copiedRequests = 12
      limits.driver.connections = 8
      limits.driver.transmits = 128
      limits.driver.receptions = 128
    }
  }

  static func hostileLimits() -> SimulatedNode.Limits {
    var limits = SimulatedNode.Limits()
    limits.bulkByteCount = 1 << 20
    limits.driver.connections = 8
    limits.driver.transmits = 128
    limits.driver.receptions = 128
    return limits
  }

  private func runProgram() {
    var steps = 0
    while !source.isEmpty, steps < Self.stepCountMax {
      steps += 1
      step()
      world.run(0.002)
    }
  }

  private func step() {
    switch source.next(below: 16) {
    case 0, 1, 2: hostile.connect(&source, client: "hostile-\(source.next() & 3)")
    case 3: world.run([0.1, 1, 7, 30, 160][source.next(below: 5)])
    case 4: hostile.lay(&source)
    case 5:
      let manners = HostileClient.Manner.allCases
      hostile.manner = manners[source.next(below: manners.count)]
    case 6: hostile.repeatLast(isResend: source.next() & 1 == 0)
    case 7: honest.act(source.next())
    default: hostile.ask(&source)
    }
  }

  // MARK: - The end

  private func finish() -> Report {
    report.replyCount = hostile.replyCount
    if source.next() & 1 == 0 { world.kill(2) } else { hostile.manner = .silent }
    expect("the honest client is served", within: 400) { honest.isServed() }
    // Who has fallen silent is evicted.
    // Not those at a management server (spec 12 §3.1).
    expect("the hostile client's exports end", within: 1000) { strangers() == 0 }
    honest.leave()
    expect("the honest client leaves", within: 200) { honest.isGone }
    world.run(200)
    // The server asks for ever after targets that the hostile client has registered: it may just now be asking.
    if !(0..<20).contains(where: { _ in world.leaks().isEmpty }) {
      report.violations += world.leaks()
    }
    report.refusedCount = server.use { $0.connections.counters.requestsRefused }
    return report
  }

  private func expect(_ what: String, within seconds: Double, _ isTrue: () -> Bool) {
    for _ in 0..<Int(seconds / 10) {
      if isTrue() { return }
      world.run(10)
    }
    if !isTrue() { report.violations.append("not: \(what)") }
  }

  /// Exports of the hostile client's node whose silence is watched.
  private func strangers() -> Int {
    server.use { core in
      (0..<core.connections.exportPlaceCount).count { place in
        let view = core.connections.exportHandle(at: place).flatMap { core.connections.view($0) }
        return view?.nid == World.nid(2) && view?.isTimed == true
      }
    }
  }
}
