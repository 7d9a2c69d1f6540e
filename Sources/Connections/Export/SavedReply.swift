package import LustreWire
package import Structures

/// What a client was answered to a modifying request, kept in case that it asks again because the reply was lost.
///
/// **Wire:** a record of `reply_data` (spec 12 §6.4), without what is only needed on disk.
package struct SavedReply: Equatable, BitwiseCopyable, Sendable {
  package var xid: UInt64
  /// What was asked; nil for a reply that an earlier version has kept on the disk.
  package var opcode: Opcode?
  /// `pb_tag`; 0 for none.
  package var tag: UInt16
  /// Its place among the client's, below `placeCount`: where the disk keeps it.
  package var place: UInt16
  package var transno: UInt64
  package var status: Int32
  /// What the handler needs to make the reply again.
  package var data: UInt32
  /// Nobody waits for the older replies with its tag any more. A resend says nothing of them where XIDs do not grow
  /// with a tag's requests, and a replay never does.
  var endsOlder = true
  /// The request has been executed; until then only its place is taken.
  var isComplete = false
  var export: UInt32 = noRecord
  var next: UInt32 = noRecord

  /// Replies of one client that are kept: more than a client has requests under way by default (spec 10 §9.4). The
  /// oldest goes first.
  package static let placeCount = 64

  package init(
    xid: UInt64, opcode: Opcode? = nil, tag: UInt16 = 0, place: UInt16 = 0, transno: UInt64 = 0,
    status: Int32 = 0, data: UInt32 = 0
  ) {
    self.xid = xid
    self.opcode = opcode
    self.tag = tag
    self.place = place
    self.transno = transno
    self.status = status
    self.data = data
  }

  /// Whether it can be the reply to a request, as far as is known: a client may put any XID on any request.
  package func answers(_ opcode: Opcode) -> Bool { self.opcode.map { $0 == opcode } ?? true }

  static let filler = SavedReply(xid: 0)
}

/// A place for the reply of a request that is being executed; void when its client is gone.
package struct SavedReplyHandle: Hashable, BitwiseCopyable, Sendable {
  package var raw: Handle
  package init(raw: Handle) { self.raw = raw }
  package static var none: SavedReplyHandle { SavedReplyHandle(raw: .none) }
}
