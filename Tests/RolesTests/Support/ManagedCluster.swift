// A management server and targets, each on a node of its own, whose disks outlive them.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Simulation
import Storage

/// A management server on node 0, a metadata target on node 1, and object targets on those that follow.
final class ManagedCluster {
  let world: World
  private(set) var management: RoleNode
  let managementDisk: RoleDisk
  var servers: [RoleNode] = []
  var disks: [RoleDisk] = []
  private var lives: UInt64 = 0

  init(objectTargets: Int = 1, plan: DiskPlan? = nil, seed: UInt64 = 1) throws {
    world = World(seed: seed)
    managementDisk = RoleDisk(.of(.mgs), plan: plan)
    management = RoleNode([managementDisk])
    try world.add(management)
    try add(.mdt, index: 0)
    for index in 0..<objectTargets { try add(.ost, index: UInt32(index)) }
  }

  func add(_ kind: TargetKind, index: UInt32) throws {
    let disk = RoleDisk(
      .of(kind, index: index, management: 0), plan: DiskPlan(seed: UInt64(5 + disks.count)))
    disks.append(disk)
    servers.append(RoleNode([disk]))
    let cookie = UInt64(0x10_0000 * (servers.count + 1))
    try world.add(servers[servers.count - 1], limits: World.limits(cookie: cookie))
  }

  func watcher(_ fileSystem: String = "lfs") throws -> Watcher {
    let watcher = Watcher(server: 0, fileSystem)
    try world.add(watcher, limits: World.limits(cookie: 0x900_0000))
    return watcher
  }

  /// The management server's power fails, and it starts again after so many seconds.
  func restartManagement(after seconds: Double) throws {
    world.kill(0)
    managementDisk.crash()
    world.run(seconds)
    management = RoleNode([managementDisk])
    lives += 1
    try world.revive(0, management, limits: World.limits(cookie: 0x5000_0000 * lives))
  }

  /// A target's node loses its power, and starts again: here, or with its disk on a node that is new.
  func restart(_ server: Int, elsewhere: Bool = false) throws {
    world.kill(1 + server)
    disks[server].crash()
    world.run(1)
    servers[server] = RoleNode([disks[server]])
    lives += 1
    let limits = World.limits(cookie: 0x5000_0000 * lives)
    if elsewhere {
      try world.add(servers[server], limits: limits)
    } else {
      try world.revive(1 + server, servers[server], limits: limits)
    }
  }

  /// Locks and clients of the management server.
  var managementUse: [Int] {
    let slot = management.roles.managementServers[0].slot
    return management.use {
      [$0.connections.serverLockCount, Int($0.connections.exportCount(ofTarget: slot))]
    }
  }

  var isOpen: Bool { servers.allSatisfy { $0.count(.targetOpen) == $0.disks.count } }
}
