internal import BasicContainers
package import LustreWire
package import NodeCore
internal import RDMATransport
internal import Structures

// Mounts as their users see them.
extension Roles {
  /// Mounts a file system: `mounted` or `mountFailed` follows, with `tag`.
  ///
  /// - Parameter management: NIDs of each node of its management server, the usual one first.
  /// - Returns: its place among `mounts`; nil when there is no place, or for another management server.
  package mutating func mount(
    _ fileSystem: String, management: [[NID]], tag: UInt32 = 0, _ node: inout NodeCore
  ) -> Int? {
    guard let client = openManagement(nodes: management, &node),
      let index = makeMount(fileSystem, management: client, tag: tag, &node)
    else { return nil }
    let isWatched = managementClients[client].watch(
      fileSystem, .client, tag: OwnerTag(.mount, index), &node)
    if !isWatched {
      mounts[index].cannotRead(
        WireErrno.enomem.status, "the management client watches too many file systems already",
        &node, &events)
    }
    return index
  }

  /// Leaves a file system in order: `unmounted` follows.
  package mutating func unmount(_ index: Int, _ node: inout NodeCore) {
    mounts[index].leave(&node, &events)
    settleWatch(of: index, &node)
  }

  /// The imports of a mount's targets: metadata targets first.
  package func links(ofMount index: Int) -> [TargetLink] { mounts[index].links }

  package func explanation(ofMount index: Int, _ node: borrowing NodeCore) -> String {
    mounts[index].explanation(node)
  }

  /// Ends the wait for object targets that are missing: `mounted` follows when nothing else is.
  ///
  /// - Returns: false when more than these is missing, or the mount is not one that waits.
  package mutating func settleWithoutObjects(mount index: Int) -> Bool {
    mounts[index].settleWithoutObjects(&events)
  }

  /// Takes the place of a mount that is over, or a new one.
  mutating func makeMount(
    _ fileSystem: String, management: Int, tag: UInt32, _ node: inout NodeCore
  ) -> Int? {
    for index in 0..<mounts.count where mounts[index].isOver {
      mounts[index] = Mount(
        fileSystem, as: .random(&node.turn.random), index: index, management: management,
        tag: tag, timer: mounts[index].timer)
      return index
    }
    guard !mounts.isFull else { return nil }
    let index = mounts.count
    guard let timer = node.makeProgramTimer(OwnerTag(.mount, index).raw) else { return nil }
    mounts.append(
      Mount(
        fileSystem, as: .random(&node.turn.random), index: index, management: management,
        tag: tag, timer: timer))
    return index
  }

  /// A mount that has left its targets needs its management server no more: it goes last.
  mutating func settleWatch(of index: Int, _ node: inout NodeCore) {
    guard mounts[index].isOver, mounts[index].isWatching else { return }
    mounts[index].isWatching = false
    managementClients[mounts[index].management].unwatch(OwnerTag(.mount, index), &node)
    takeReports(mounts[index].management, &node)
  }

  /// A management client has something for a mount.
  mutating func configurationChanged(ofMount index: Int, _ node: inout NodeCore) {
    let tag = OwnerTag(.mount, index)
    guard let map = managementClients[mounts[index].management].map(of: tag) else { return }
    mounts[index].take(map, &node, &events)
    settleWatch(of: index, &node)
  }
}
