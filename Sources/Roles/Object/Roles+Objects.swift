package import Connections
package import NodeCore
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

  /// Tells the ends of operations, as far as there is room for events.
  mutating func reportObjects() {
    while !events.isFull, let (place, status, tag) = objects.nextFinished() {
      events.append(RolesEvent(.objectDone, index: place, status: status, tag: tag))
    }
  }
}
