package import LustreWire
package import RDMATransport

/// What a caller wants of an object.
package struct ObjectWish: Sendable, BitwiseCopyable {
  package enum Action: UInt8, Sendable, BitwiseCopyable {
    /// Makes an object: in the sequence for tests the target chooses the id, which the result says.
    case create
    case destroy
    case getAttributes
    case setAttributes
    /// Cuts it at `offset`, or lets it grow to there; with a `last` byte makes a hole from there and leaves its size.
    case punch
    /// Makes it durable; with no object everything of the target.
    case sync
    /// How full the target is.
    case statistics
    case read
    case write
  }

  package enum Checksum: Equatable, Sendable, BitwiseCopyable {
    /// The fastest of those that the target has granted.
    case automatic
    case none
    /// Whether it was granted or not: targets make all kinds (spec 13 §6).
    case kind(BulkChecksumKind)
  }

  package var action: Action
  package var object: ObjectID
  package var offset: UInt64 = 0
  /// Of a hole.
  package var last = UInt64.max
  /// A run of bulk memory or a part of one: what is written, or where what is read goes. Lent until `objectDone`.
  package var memory = BufferRef.none
  /// What is set: fields whose bits are set; with a write, times and owners.
  package var attributes = ObjectAttributes()
  package var checksum = Checksum.automatic
  /// The target locks what is read or written; else the caller has a lock, whose handle is in `attributes`.
  package var isLockedByServer = true
  /// A write is durable when it is done.
  package var isSync = false
  /// Data of up to 16 KiB may travel in the messages, when that was granted.
  package var allowsShort = true

  package init(_ action: Action, _ object: ObjectID = ObjectID()) {
    self.action = action
    self.object = object
  }
}

/// What has come of a wish.
package struct ObjectResult: Sendable, BitwiseCopyable {
  /// 0, or a negative errno.
  package var status: Int32 = 0
  /// Bytes read or written. What was to be read and lies behind the object's end is zero, and not counted.
  package var byteCount = 0
  /// As the last reply has them.
  package var attributes = ObjectAttributes()
  package var statistics = Statfs()
  /// The highest transaction that its requests were told, and the highest that the target has called durable.
  package var transno: UInt64 = 0
  package var committed: UInt64 = 0
  /// Requests that were made again after an error (spec 13 §5.7).
  package var retries = 0

  package init() {}
}
