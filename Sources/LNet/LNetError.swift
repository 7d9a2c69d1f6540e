/// Why a call was refused. Nothing has been done, and no event follows.
package enum LNetError: Error, Equatable, BitwiseCopyable, Sendable {
  /// A table or queue is full, or a PUT from the same message memory is under way; try again after some
  /// events.
  case busy
  /// The handle names nothing that lives.
  case unknownHandle
  /// The descriptor takes no more operations.
  case exhausted
  /// The payload or sink is longer than a message may be: 1 MiB.
  case tooLong
  /// None of our interfaces is on a network of the target.
  case noRoute
  /// The entry has a descriptor already.
  case occupied
}

/// The errno numbers that cross the wire or stand in events.
enum Errno {
  static let noMemory: Int32 = -12
  static let io: Int32 = -5
  static let noData: Int32 = -61
  static let protocolError: Int32 = -71
  static let timedOut: Int32 = -110
  static let hostUnreachable: Int32 = -113
  static let connectionAborted: Int32 = -103
  static let canceled: Int32 = -125
}
