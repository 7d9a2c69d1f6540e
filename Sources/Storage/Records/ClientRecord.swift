package import LustreWire

/// What came of a client's modifying request, kept so that the same request sent again is answered, not executed.
///
/// **Wire:** `lsd_client_data` and `lsd_reply_data` (spec 12 §6.2–§6.4).
package struct RequestResult: Equatable, Sendable, BitwiseCopyable {
  package var transno: UInt64
  package var xid: UInt64
  /// The status of the reply, as it went on the wire.
  package var status: Int32
  /// The intent disposition's low half.
  package var data: UInt32
  package var versions: (UInt64, UInt64, UInt64, UInt64)

  package init(
    transno: UInt64 = 0, xid: UInt64 = 0, status: Int32 = 0, data: UInt32 = 0,
    versions: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
  ) {
    self.transno = transno
    self.xid = xid
    self.status = status
    self.data = data
    self.versions = versions
  }

  package static func == (left: RequestResult, right: RequestResult) -> Bool {
    left.transno == right.transno && left.xid == right.xid && left.status == right.status
      && left.data == right.data && left.versions == right.versions
  }
}

/// One kept reply of a client that may have several requests under way (spec 12 §6.4).
package struct ReplyRecord: Equatable, Sendable, BitwiseCopyable {
  /// The client's slot.
  package var client: UInt32
  /// The record's place among the client's, chosen by the target: the tag, where one a tag is kept.
  package var place: UInt16
  package var tag: UInt16
  /// What was asked; nil in a record that was written before opcodes were kept.
  package var opcode: Opcode?
  package var result: RequestResult

  package init(
    client: UInt32, place: UInt16, tag: UInt16, opcode: Opcode?, result: RequestResult
  ) {
    self.client = client
    self.place = place
    self.tag = tag
    self.opcode = opcode
    self.result = result
  }
}

/// A client that a target will know again after a restart.
package struct ClientRecord: Equatable, Sendable {
  /// Its place in the table, chosen by the target.
  package var slot: UInt32
  package var uuid: ObdUUID
  /// Tells the slot's successive owners apart.
  package var generation: UInt32
  package var last: RequestResult
  package var lastClose: RequestResult
  /// By place.
  package var replies: [ReplyRecord]

  package init(slot: UInt32, uuid: ObdUUID, generation: UInt32) {
    self.slot = slot
    self.uuid = uuid
    self.generation = generation
    last = RequestResult()
    lastClose = RequestResult()
    replies = []
  }
}

/// The name of a blob: a configuration log, the table of NIDs, the list of registered targets.
package typealias BlobName = WireText<64>
