internal import PtlRPC
internal import RDMATransport

/// How a request may be treated when its import is not FULL (spec 10 §12).
package struct RequestOptions: OptionSet, Sendable, BitwiseCopyable {
  package var rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// It fails instead of being sent again.
  package static let noResend = RequestOptions(rawValue: 1)
  /// It fails instead of waiting.
  package static let noDelay = RequestOptions(rawValue: 2)
  /// It may be sent while the import recovers.
  package static let duringReplay = RequestOptions(rawValue: 4)
}

/// What this room remembers of a request of ours: by its slot in PtlRPC's table.
struct OwnRequest: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    case none, user, connect, disconnect, ping, finalPing, callback
  }
  enum Stage: UInt8, BitwiseCopyable {
    /// Its owner encodes it.
    case draft
    /// It waits for its import, never having been sent in this connection.
    case delayed
    case sent
    /// It waits to be sent again.
    case unanswered
    /// Its owner has been told how it ended.
    case ended
  }

  var kind = Kind.none
  var stage = Stage.draft
  var options: RequestOptions = []
  /// Its end is the lock tables' matter; `tag` is the lock's raw handle.
  var isAboutLock = false
  var handle = RequestHandle.none
  /// Slot of the import; of a callback, of the export.
  var owner = noRecord
  var generation: UInt32 = 0
  /// The connection over which it was sent.
  var connectionCount: UInt32 = 0
  /// The owner's number.
  var tag: UInt32 = 0
  /// How often the server has asked to come again later (EINPROGRESS).
  var postponed: UInt32 = 0
  /// Not before this time; 0 for any time.
  var notBefore: UInt64 = 0
  var next = noRecord
  var previous = noRecord
}

/// Whether a request may be sent now (spec 10 §12).
enum SendDecision: Equatable {
  case send
  case wait
  /// With this errno.
  case fail(Int32)
}
