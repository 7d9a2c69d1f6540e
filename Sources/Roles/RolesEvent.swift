/// What the program above this room is told: 16 bytes that name a target or a mount of this node.
package struct RolesEvent: Equatable, BitwiseCopyable, Sendable {
  package enum Kind: UInt8, BitwiseCopyable, Sendable {
    /// A target is open to clients: it is registered, and its disk has been read.
    case targetOpen
    /// A target cannot be opened; `status`: why. `Roles.explanation` has words.
    case targetFailed
    /// A mount has all its imports FULL for the first time.
    case mounted
    /// A mount cannot go on: `status` says why; `Roles.explanation` has words.
    case mountFailed
    /// A mount's imports have changed: one was lost, came back, or was added.
    case mountChanged
    /// A mount has left all its targets.
    case unmounted
    /// An operation on an object has ended: `index` is its place, `tag` the caller's number.
    case objectDone
    /// Ids of a target's objects are there, or not: `index` is the target, `tag` the caller's number, and
    /// `Roles.listing` says how many.
    case objectsListed
  }

  package var kind: Kind
  /// 0, or a negative errno of the wire's numbering.
  package var status: Int32
  /// Which target, mount or operation.
  package var index: UInt32
  /// The owner's number.
  package var tag: UInt32

  package init(_ kind: Kind, index: Int, status: Int32 = 0, tag: UInt32 = 0) {
    self.kind = kind
    self.status = status
    self.index = UInt32(index)
    self.tag = tag
  }
}
