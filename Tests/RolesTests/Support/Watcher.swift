// A node that watches a file system's configuration, as a mount does.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Simulation
import Testing

final class Watcher: RoleNode {
  private let server: Int
  let fileSystem: String
  private let user: ManagementUser
  private let tag = OwnerTag(.program, detail: 7)
  /// The configuration as it was at the end of each turn, whenever it was another one.
  private(set) var maps: [FileSystemMap] = []
  private(set) var isWatching = false
  /// Bulk memory that was free before anything went on.
  private(set) var freePieces = 0

  init(server: Int, _ fileSystem: String = "lfs", _ user: ManagementUser = .client) {
    self.server = server
    self.fileSystem = fileSystem
    self.user = user
    super.init()
  }

  override func started(_ core: inout NodeCore) {
    super.started(&core)
    freePieces = core.turn.memory.bulk.freePieceCount
    watch(&core)
  }

  func watch(_ core: inout NodeCore) {
    let client = roles.openManagement(nodes: [[World.nid(server)]], &core)
    #expect(client == 0)
    isWatching = roles.managementClients[0].watch(fileSystem, user, tag: tag, &core)
  }

  func unwatch() {
    use { roles.managementClients[0].unwatch(tag, &$0) }
    isWatching = false
  }

  override func turnEnds(_ core: inout NodeCore) {
    super.turnEnds(&core)
    guard roles.managementClients.count > 0, let map = roles.managementClients[0].map(of: tag),
      maps.last != map
    else { return }
    maps.append(map)
  }

  var map: FileSystemMap? { maps.last }
}
