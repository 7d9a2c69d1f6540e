package import Connections
internal import LustreWire
internal import PtlRPC
internal import RDMATransport

/// Who reads a file system's configuration.
package enum ManagementUser: Equatable, Sendable {
  case client
  /// A target of this node, which reads its own log too.
  case target(TargetKind, index: UInt32)
}

/// One log or table that is read under a configuration lock, and read on when the lock was taken away (spec 11 §11).
///
/// Lock and reading go their own ways: the lock is given back at once when the server wants it, even in the middle
/// of a walk, and asked for again after a rest; whatever was read before is kept, and only news are read.
struct ConfigReading {
  enum Content {
    case log(mayBeAbsent: Bool)
    /// The table of NIDs.
    case table
  }

  enum LockState {
    case none
    case asked
    case held
    /// The server wants it back, and the cancel could not be sent yet.
    case blocked
    case cancelling
    /// It is asked for again when `due` comes.
    case resting
  }

  let content: Content
  let name: String
  let lockName: String
  let lockKind: ConfigurationLock
  /// Whether its records make the watch's map; others are read because real nodes read them.
  let isMapped: Bool
  /// The watch's place.
  let watch: Int

  var walk: LogWalk
  /// The last version of the table that has come.
  var version: UInt64 = 0
  /// Whether its watch has come to it.
  var isBegun = false
  /// There may be news.
  var isDue = true
  /// The lock came again while an older question was under way: what is read now may be old.
  var isOutdated = false
  /// It has been read to its end at least once.
  var isComplete = false
  /// The present reading has brought something.
  var hasNews = false

  var lockState = LockState.none
  var lock = LockHandle.none
  var request = RequestHandle.none
  var bulk = BufferRef.none
  /// When something is to be tried again; `.max` for never.
  var due = UInt64.max

  init(
    _ content: Content, _ name: String, lock lockName: String, _ kind: ConfigurationLock,
    isMapped: Bool, watch: Int
  ) {
    self.content = content
    self.name = name
    self.lockName = lockName
    lockKind = kind
    self.isMapped = isMapped
    self.watch = watch
    walk = LogWalk(name: name)
  }

  /// What a user reads, in the order of real nodes (spec 11 §13, §15).
  static func all(
    _ fileSystem: String, _ user: ManagementUser, watch: Int
  ) -> [ConfigReading] {
    let names = FileSystemNames(fileSystem)
    func log(
      _ name: String, lock: String, _ kind: ConfigurationLock, mayBeAbsent: Bool = false,
      isMapped: Bool = false
    ) -> ConfigReading {
      ConfigReading(
        .log(mayBeAbsent: mayBeAbsent), name, lock: lock, kind, isMapped: isMapped, watch: watch)
    }
    func table(_ suffix: String) -> ConfigReading {
      ConfigReading(
        .table, fileSystem + suffix, lock: fileSystem, .recovery, isMapped: true, watch: watch)
    }
    let security = log(
      fileSystem + "-sptlrpc", lock: fileSystem, .security, mayBeAbsent: true)
    let parameters = log("params", lock: "params", .parameters, mayBeAbsent: true, isMapped: true)
    let client = log(names.clientLog, lock: fileSystem, .configuration, isMapped: true)
    switch user {
    case .client: return [security, client, table("-cliir"), parameters]
    case .target(.mgs, _): return []
    case .target(.mdt, let index):
      let own = log(names.metadataTarget(index), lock: fileSystem, .configuration)
      return [security, own, parameters, client, table("-mdtir")]
    case .target(.ost, let index):
      let own = log(names.objectTarget(index), lock: fileSystem, .configuration)
      return [security, own, parameters, client, table("-cliir")]
    }
  }
}

/// Someone who wants to know a file system's targets, and to hear of changes.
struct ManagementWatch {
  let tag: OwnerTag
  let fileSystem: String
  let user: ManagementUser
  /// Places of what it reads, in order.
  var readings: [Int] = []
  var map = FileSystemMap()
  /// All has been read once.
  var isComplete = false
  /// By then all must have been read once.
  var deadline: UInt64
  /// Why the last thing went wrong; 0: nothing did.
  var lastStatus: Int32 = 0
}
