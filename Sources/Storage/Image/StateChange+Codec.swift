internal import LustreWire

/// The changes of one transaction, with the bytes of blobs that they speak of.
package struct ChangeList: Sendable {
  package var changes: [StateChange] = []
  package var blobBytes: [UInt8] = []

  package init() {}

  package var isEmpty: Bool { changes.isEmpty }

  package mutating func removeAll() {
    changes.removeAll(keepingCapacity: true)
    blobBytes.removeAll(keepingCapacity: true)
  }

  /// An upper bound of the encoded length, in bytes.
  package var byteCountMax: Int { changes.count * Self.changeByteCountMax + blobBytes.count }

  /// No change is longer: an identity is the longest.
  static let changeByteCountMax = 176

  /// Appends all changes: a kind each, then its fields, little-endian, without gaps.
  package func encode(into out: inout ByteWriter) {
    for change in changes { encode(change, into: &out) }
  }

  private func encode(_ change: StateChange, into out: inout ByteWriter) {
    switch change {
    case .identity(let identity):
      out.append(ChangeKind.identity.rawValue)
      out.append(identity)
    case .transno(let transno):
      out.append(ChangeKind.transno.rawValue)
      out.append(transno)
    case .object(let id, let record):
      out.append(ChangeKind.object.rawValue)
      out.append(id)
      out.append(record)
    case .objectSize(let id, let size, let version):
      out.append(ChangeKind.objectSize.rawValue)
      out.append(id)
      out.append(size)
      out.append(version)
    case .destroy(let id):
      out.append(ChangeKind.destroy.rawValue)
      out.append(id)
    case .lastID(let sequence, let id):
      out.append(ChangeKind.lastID.rawValue)
      out.append(sequence)
      out.append(id)
    case .client, .clientFree, .result, .reply, .replyFree: encodeClient(change, into: &out)
    case .blob, .blobSize, .blobFree: encodeBlob(change, into: &out)
    }
  }

  private func encodeClient(_ change: StateChange, into out: inout ByteWriter) {
    switch change {
    case .client(let slot, let uuid, let generation):
      out.append(ChangeKind.client.rawValue)
      out.append(slot)
      out.append(uuid)
      out.append(generation)
    case .clientFree(let slot):
      out.append(ChangeKind.clientFree.rawValue)
      out.append(slot)
    case .result(let slot, let result, let isClose):
      out.append((isClose ? ChangeKind.closeResult : .result).rawValue)
      out.append(slot)
      out.append(result)
    case .reply(let reply):
      out.append((reply.opcode == nil ? ChangeKind.reply : .replyToOpcode).rawValue)
      out.append(reply.client)
      out.append(reply.place)
      out.append(reply.tag)
      if let opcode = reply.opcode { out.append(opcode.rawValue) }
      out.append(reply.result)
    case .replyFree(let slot, let place):
      out.append(ChangeKind.replyFree.rawValue)
      out.append(slot)
      out.append(place)
    case .identity, .transno, .object, .objectSize, .destroy, .lastID, .blob, .blobSize, .blobFree:
      preconditionFailure("not of a client")
    }
  }

  private func encodeBlob(_ change: StateChange, into out: inout ByteWriter) {
    switch change {
    case .blob(let name, let offset, let start, let count):
      out.append(ChangeKind.blob.rawValue)
      out.append(name)
      out.append(offset)
      out.append(UInt32(count))
      out.bytes.append(contentsOf: blobBytes[start..<start + count])
    case .blobSize(let name, let size):
      out.append(ChangeKind.blobSize.rawValue)
      out.append(name)
      out.append(size)
    case .blobFree(let name):
      out.append(ChangeKind.blobFree.rawValue)
      out.append(name)
    case .identity, .transno, .object, .objectSize, .destroy, .lastID, .client, .clientFree,
      .result, .reply, .replyFree:
      preconditionFailure("not of a blob")
    }
  }

  /// Reads what `encode` wrote, in addition to what is here; false when it is nothing of the kind.
  package mutating func decode(_ bytes: borrowing RawSpan) -> Bool {
    var reader = ByteReader(copy bytes)
    while !reader.isAtEnd {
      guard let kind = ChangeKind(rawValue: reader.next(UInt8.self)) else { return false }
      guard let change = decode(kind, &reader, bytes) else { return false }
      changes.append(change)
    }
    return reader.isSound
  }

  private mutating func decode(
    _ kind: ChangeKind, _ reader: inout ByteReader, _ bytes: borrowing RawSpan
  ) -> StateChange? {
    let change: StateChange? =
      switch kind {
      case .identity: reader.nextIdentity().map { .identity($0) }
      case .transno: .transno(reader.next(UInt64.self))
      case .object: .object(reader.nextObjectID(), reader.nextObjectRecord())
      case .objectSize:
        .objectSize(
          reader.nextObjectID(), size: reader.next(UInt64.self), version: reader.next(UInt64.self))
      case .destroy: .destroy(reader.nextObjectID())
      case .lastID: .lastID(sequence: reader.next(UInt64.self), id: reader.next(UInt64.self))
      case .client:
        .client(
          slot: reader.next(UInt32.self), reader.nextUUID(), generation: reader.next(UInt32.self))
      case .clientFree: .clientFree(slot: reader.next(UInt32.self))
      case .result:
        .result(slot: reader.next(UInt32.self), reader.nextResult(), isClose: false)
      case .closeResult:
        .result(slot: reader.next(UInt32.self), reader.nextResult(), isClose: true)
      case .reply:
        .reply(
          ReplyRecord(
            client: reader.next(UInt32.self), place: reader.next(UInt16.self),
            tag: reader.next(UInt16.self), opcode: nil, result: reader.nextResult()))
      case .replyToOpcode:
        .reply(
          ReplyRecord(
            client: reader.next(UInt32.self), place: reader.next(UInt16.self),
            tag: reader.next(UInt16.self), opcode: Opcode(rawValue: reader.next(UInt32.self)),
            result: reader.nextResult()))
      case .replyFree:
        .replyFree(slot: reader.next(UInt32.self), place: reader.next(UInt16.self))
      case .blob: decodeBlob(&reader, bytes)
      case .blobSize: .blobSize(reader.nextName(), size: reader.next(UInt64.self))
      case .blobFree: .blobFree(reader.nextName())
      }
    return reader.isSound ? change : nil
  }

  private mutating func decodeBlob(
    _ reader: inout ByteReader, _ bytes: borrowing RawSpan
  ) -> StateChange? {
    let name = reader.nextName()
    let offset = reader.next(UInt64.self)
    let count = Int(reader.next(UInt32.self))
    guard let at = reader.take(count) else { return nil }
    let start = blobBytes.count
    for index in 0..<count { blobBytes.append(bytes.byte(at: at + index)) }
    return .blob(name, offset: offset, start: start, count: count)
  }
}

/// The first byte of an encoded change. Numbers are never used for anything else again.
private enum ChangeKind: UInt8 {
  case identity = 1
  case transno = 2
  case object = 3
  case objectSize = 4
  case destroy = 5
  case lastID = 6
  case client = 7
  case clientFree = 8
  case result = 9
  case closeResult = 10
  /// Of version 1.
  case reply = 11
  case replyFree = 12
  case blob = 13
  case blobSize = 14
  case blobFree = 15
  /// Since version 2.
  case replyToOpcode = 16
}
