internal import BasicContainers
package import Connections
package import NodeCore
package import RDMATransport
internal import Storage
internal import Structures

// Operations on objects elsewhere, as the program of a node sees them.
extension Roles {
  /// Begins an operation on an object; `objectDone` follows, with its place and the caller's number, and then
  /// `objects.result` says what has come of it, and `objects.release` gives the place back.
  ///
  /// - Returns: its place; nil when all are taken.
  package mutating func startObject(
    _ wish: ObjectWish, on owner: ImportHandle, tag: UInt32, _ node: inout NodeCore
  ) -> Int? {
    let place = objects.start(wish, on: owner, tag: tag, &node)
    reportObjects()
    return place
  }

  /// Gives all operations up: nothing is made again of their memory.
  package mutating func abandonObjects(_ status: Int32, _ node: inout NodeCore) {
    for place in 0..<objects.operations.count { objects.abandon(place, status, &node) }
    reportObjects()
  }

  /// Gives an operation up, as the caller does not want to wait longer; `objectDone` follows when the wire is done with
  /// its memory.
  package mutating func abandonObject(_ place: Int, _ status: Int32, _ node: inout NodeCore) {
    objects.abandon(place, status, &node)
    reportObjects()
  }

  /// Tells the ends of operations, as far as there is room for events.
  mutating func reportObjects() {
    while !events.isFull, let (place, status, tag) = objects.nextFinished() {
      events.append(RolesEvent(.objectDone, index: place, status: status, tag: tag))
    }
  }

  // MARK: - What a target of this node has

  /// Asks the disk of an object target of this node which objects there are: no request on the wire does.
  /// `objectsListed` follows.
  ///
  /// - Parameters:
  ///   - cursor: 0 at first, then as the last listing says.
  ///   - memory: takes 32 bytes for each: sequence, id, size and mtime, little-endian. Lent until the event.
  ///   - tag: the caller's number.
  /// - Returns: false when there is no such target, or a listing of it is under way, or its disk is busy.
  package mutating func listObjects(
    ofTarget target: Int, cursor: UInt64, into memory: BufferRef, tag: UInt32
  ) -> Bool {
    guard targets.indices.contains(target), targets[target].kind == .ost else { return false }
    return objectServers[targets[target].place]
      .list(cursor: cursor, into: memory, tag: tag, &disks[target])
  }

  /// What the last listing of an object target has brought.
  package func listing(ofTarget target: Int) -> ObjectListing {
    objectServers[targets[target].place].listing
  }

  /// What an object target has counted.
  package func counters(ofTarget target: Int) -> ObjectServerCounters {
    objectServers[targets[target].place].counters
  }

  /// Bytes that an object target of this node has promised to a client; 0 to a client of something else.
  package func grant(heldBy export: ExportHandle, _ node: borrowing NodeCore) -> UInt64 {
    guard let view = node.connections.view(export) else { return 0 }
    let target = Int(view.target.tag)
    guard targets.indices.contains(target), targets[target].kind == .ost else { return 0 }
    return objectServers[targets[target].place].grants.held(by: export.raw.slot)
  }

  mutating func reportListing(_ target: Int) {
    let place = targets[target].place
    guard !events.isFull, let tag = objectServers[place].takeListing() else { return }
    events.append(
      RolesEvent(
        .objectsListed, index: target, status: objectServers[place].listing.status, tag: tag))
  }
}
