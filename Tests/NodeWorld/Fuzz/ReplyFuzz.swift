internal import BasicContainers
internal import Connections
internal import LNet
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Simulation

/// A hostile server, directed by bytes: what it says is what a real one says, bent on its way to the wire. Whatever that
/// is, its clients do not trap, and have nothing of it left when they leave.
package final class ReplyFuzz {
  package struct Report: Equatable {
    package var violations: [String] = []
    /// Messages that were bent, and clients that were mounted in spite of it.
    package var bentCount = 0
    package var isMounted = false
  }

  package static func run(_ bytes: [UInt8]) -> Report {
    do {
      let fuzz = try ReplyFuzz(bytes)
      return fuzz.run()
    } catch { preconditionFailure("the world does not begin: \(error)") }
  }

  private static var stepCountMax: Int { 100 }

  private let world = World()
  private let server: HostileServer
  private let client: HonestUser
  /// Its targets are clients of the hostile node: they register, and connect to the other targets.
  private let other: RoleNode
  private var source: ByteSource
  private var report = Report()

  private init(_ bytes: [UInt8]) throws {
    source = ByteSource(bytes)
    let limits = RequestFuzz.limits(cookie: 0x1000)
    server = HostileServer(
      [RoleDisk(.of(.mgs)), RoleDisk(.of(.mdt)), RoleDisk(.of(.ost), byteCapacity: 16 << 20)],
      limits: limits)
    try world.add(server, limits: limits)
    server.host = world.nodes[0].host
    world.run(1)
    // From here on.
    server.script = source
    let own = RequestFuzz.limits(cookie: 0x900_0000)
    client = HonestUser(server: 0, limits: own)
    try world.add(client, limits: own)
    let others = RequestFuzz.limits(cookie: 0xA00_0000)
    other = RoleNode([RoleDisk(.of(.ost, index: 1, management: 0))], limits: others)
    try world.add(other, limits: others)
  }

  private func run() -> Report {
    var steps = 0
    while !source.isEmpty, steps < Self.stepCountMax {
      steps += 1
      let choice = source.next()
      if choice & 15 == 15 {
        world.run([0.1, 1, 7, 30, 160][source.next(below: 5)])
      } else {
        client.act(choice >> 4 | source.next() << 4)
      }
      world.run(0.01)
    }
    report.bentCount = server.lieCount
    // An honest server again: those that have not given up go on.
    server.script = ByteSource([])
    world.run(300)
    report.isMounted = client.isMounted
    client.leave()
    for _ in 0..<30 where !client.isGone { world.run(10) }
    if !client.isGone { report.violations.append("not: the client leaves") }
    world.run(100)
    // The servers go on: they may be asking each other something just now.
    report.violations += world.leaks().filter { $0.hasPrefix("node 1") }
    return report
  }
}
