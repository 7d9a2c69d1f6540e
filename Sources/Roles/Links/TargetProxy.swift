internal import Connections
package import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Structures

/// What a metadata target does over its connection to another target, besides its users' operations: it asks how full
/// it is every few seconds, and makes objects at an object target in advance (spec 11 §10, §13). Over the light-weight
/// connection to the first metadata target any target asks for sequences, once in its life.
package struct TargetProxy: Sendable, BitwiseCopyable {
  /// Making objects in advance, in the order of a real target.
  package enum Creation: UInt8, Sendable, BitwiseCopyable {
    /// There is no connection, or nothing to make there.
    case none
    /// What was made last is asked for.
    case lastObject
    /// What nobody has been given is taken away.
    case orphans
    /// Whose sequence it is to be is asked for.
    case sequence
    case make
    /// There are objects.
    case ready
  }

  enum Question: Int { case creation = 1, statistics = 2, range = 3 }

  /// Objects that are made at a time.
  static let batch: UInt64 = 32
  /// Nanoseconds from one question about the space to the next.
  static let interval: UInt64 = 5_000_000_000

  package private(set) var creation = Creation.none
  /// What the target said last about its space.
  package private(set) var statistics: Statfs?
  /// The object that was made last.
  package private(set) var lastObject = ObjectID()
  /// The sequence in which it makes objects: kept for as long as it has some left, over reconnects and restarts. And
  /// whether the disk is to be told of it.
  private var sequence: UInt64?
  private var isSequenceNew = false
  /// Why the last question of those that make objects failed; 0 since the last that did not.
  package private(set) var status: Int32 = 0

  private let role: ImportRole
  private let tag: OwnerTag
  private let group: UInt32
  private var creationRequest = RequestHandle.none
  private var statisticsRequest = RequestHandle.none
  private var rangeRequest = RequestHandle.none
  /// Whose index a range is asked for; nil when none is wanted.
  private var wantsRangeFor: UInt32?
  /// A range that has come and was not fetched.
  private var range: SequenceRange?

  /// Objects of a sequence (spec 11 §13).
  static let sequenceWidth: UInt32 = 0x1FF_FFFF

  /// - Parameters:
  ///   - group: the number of the target whose connection it is.
  ///   - sequence: in which objects were made in an earlier life.
  init(
    _ role: ImportRole, group: UInt32, tag: OwnerTag, wantsRange: Bool = false,
    sequence: UInt64? = nil
  ) {
    self.role = role
    self.group = group
    self.tag = tag
    self.sequence = sequence
    wantsRangeFor = wantsRange ? group : nil
  }

  /// Sequences for the target whose connection it is; nil when none have come.
  mutating func takeRange() -> SequenceRange? {
    defer { range = nil }
    return range
  }

  /// A sequence that the disk is to remember; nil when there is no new one.
  mutating func takeNewSequence() -> UInt64? {
    guard isSequenceNew else { return nil }
    isSequenceNew = false
    return sequence
  }

  /// Whether there is anything to do over such a connection.
  var isBusy: Bool {
    role == .ospToObjects || role == .ospToMetadata || wantsRangeFor != nil
  }

  /// The connection is there, for the first time or again.
  mutating func came(_ handle: ImportHandle, _ node: inout NodeCore) {
    if role == .ospToObjects, creationRequest == .none { creation = beginning }
    tick(handle, &node)
  }

  /// Only the first metadata target has a sequence at an object target without asking: others begin with that question.
  private var beginning: Creation { sequence != nil || group == 0 ? .lastObject : .sequence }

  /// Some seconds have passed: what failed is asked again.
  mutating func tick(_ handle: ImportHandle, _ node: inout NodeCore) {
    guard isBusy else { return }
    if wantsRangeFor != nil, rangeRequest == .none {
      rangeRequest = ask(.range, on: handle, &node)
    }
    guard role == .ospToObjects || role == .ospToMetadata else { return }
    if statisticsRequest == .none {
      statisticsRequest = ask(.statistics, on: handle, &node)
    }
    if creation != .none, creation != .ready, creationRequest == .none {
      creationRequest = ask(.creation, on: handle, &node)
    }
  }

  /// - Returns: whether the request was one of these.
  mutating func ended(
    _ event: ConnectionsEvent, on handle: ImportHandle, _ node: inout NodeCore
  ) -> Bool {
    if event.request == rangeRequest {
      if event.kind == .replied, event.status >= 0 {
        let given: SequenceRange? = Self.value(of: event.request, &node)
        if let given, OwnSequences.accepts(given) {
          range = given
          wantsRangeFor = nil
        }
        // Anything else is asked for again with the next tick.
      }
      node.connections.release(event.request, rpc: &node.rpc, turn: &node.turn)
      rangeRequest = .none
      return true
    }
    let isCreation = event.request == creationRequest
    guard isCreation || event.request == statisticsRequest else { return false }
    if isCreation { status = event.status }
    if event.kind == .replied, event.status >= 0 {
      if isCreation { take(event.request, &node) } else { takeStatistics(event.request, &node) }
    }
    node.connections.release(event.request, rpc: &node.rpc, turn: &node.turn)
    if !isCreation {
      statisticsRequest = .none
      return true
    }
    creationRequest = .none
    // A server that has no sequences of its own goes on with the one that all have.
    if creation == .sequence, group == 0, event.status == WireErrno.eopnotsupp.status {
      creation = .make
      status = 0
    }
    // A target that does not know the sequence any more: there will be another.
    if creation == .lastObject, sequence != nil,
      status == WireErrno.enoent.status || status == WireErrno.einval.status
    {
      sequence = nil
      lastObject = ObjectID()
      creation = beginning
      status = 0
    }
    if status >= 0, creation != .none, creation != .ready {
      creationRequest = ask(.creation, on: handle, &node)
    }
    return true
  }

  // MARK: - Questions

  private func ask(
    _ question: Question, on handle: ImportHandle, _ node: inout NodeCore
  ) -> RequestHandle {
    if question == .statistics {
      let opcode = role == .ospToMetadata ? Opcode.mdsStatfs : .ostStatfs
      var draft = node.connections.draft(on: handle, opcode)
      if role == .ospToObjects { draft.requestPortal = .ostCreate }
      draft.replyByteCount = BufferLengths(Statfs.byteCount).byteCount
      return send(draft, BufferLengths(), question, on: handle, &node) { _, _ in }
    }
    if question == .range {
      var draft = node.connections.draft(on: handle, .sequenceQuery)
      draft.requestPortal = .seqController
      return askForSequences(draft, operation: 0, question, on: handle, &node)
    }
    switch creation {
    case .lastObject:
      var draft = node.connections.draft(on: handle, .ostGetInfo)
      draft.replyByteCount = BufferLengths(FID.byteCount).byteCount
      let key = Array("last_fid".utf8) + [0]
      // Else the sequence that stands for old numbers, as FIDs write it.
      let asked = FID(sequence ?? 0x1_0000_0000, 1)
      return send(draft, BufferLengths(key.count, FID.byteCount), question, on: handle, &node) {
        bytes, lengths in
        for (offset, byte) in key.enumerated() {
          bytes.storeNative(byte, at: lengths.offset(of: 1) + offset)
        }
        asked.encode(into: &bytes, at: lengths.offset(of: 2))
      }
    case .sequence:
      var draft = node.connections.draft(on: handle, .sequenceQuery)
      draft.requestPortal = .seqData
      return askForSequences(draft, operation: 1, question, on: handle, &node)
    case .orphans, .make, .none, .ready:
      var draft = node.connections.draft(on: handle, .ostCreate)
      let lengths = BufferLengths(ObjectAttributes.byteCount)
      draft.replyByteCount = lengths.byteCount
      let wish = wish
      return send(draft, lengths, question, on: handle, &node) { bytes, lengths in
        wish.encode(into: &bytes, at: lengths.offset(of: 1))
      }
    }
  }

  /// SEQ_QUERY: operation 0 asks for a range that is handed out further, 1 for one sequence.
  private func askForSequences(
    _ draft: RequestDraft, operation: UInt32, _ question: Question, on handle: ImportHandle,
    _ node: inout NodeCore
  ) -> RequestHandle {
    var draft = draft
    draft.replyByteCount = BufferLengths(SequenceRange.byteCount).byteCount
    var range = SequenceRange()
    range.index = wantsRangeFor ?? 0
    range.flags = operation == 1 || role == .lwpOfObjects ? 1 : 0
    return send(draft, BufferLengths(4, SequenceRange.byteCount), question, on: handle, &node) {
      bytes, lengths in
      bytes.storeNative(operation, at: lengths.offset(of: 1))
      range.encode(into: &bytes, at: lengths.offset(of: 2))
    }
  }

  private var wish: ObjectAttributes {
    var wish = ObjectAttributes()
    wish.valid = .group
    if creation == .orphans {
      wish.valid = [.group, .flags]
      wish.flags = .deleteOrphans
      wish.object = lastObject
    } else if lastObject.isNumber {
      wish.object = ObjectID(number: lastObject.number + Self.batch)
    } else {
      let fid = lastObject.fid
      wish.object = ObjectID(FID(fid.sequence, fid.objectID + UInt32(Self.batch)))
    }
    return wish
  }

  private func send(
    _ draft: RequestDraft, _ lengths: BufferLengths, _ question: Question,
    on handle: ImportHandle, _ node: inout NodeCore,
    _ fill: (inout MutableRawSpan, BufferLengths) -> Void
  ) -> RequestHandle {
    let tag = OwnerTag(tag.part, tag.index, detail: question.rawValue)
    guard
      let request = try? node.connections.begin(
        draft, on: handle, buffers: lengths, tag: tag.raw, rpc: &node.rpc, turn: &node.turn)
    else { return .none }
    var bytes = node.turn.memory.mutableBytes(node.rpc.message(of: request))
    fill(&bytes, lengths)
    node.connections.submit(request, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
    return request
  }

  // MARK: - Answers

  private mutating func takeStatistics(_ request: RequestHandle, _ node: inout NodeCore) {
    statistics = Self.value(of: request, &node) ?? statistics
  }

  private mutating func take(_ request: RequestHandle, _ node: inout NodeCore) {
    switch creation {
    case .lastObject:
      guard let fid: FID = Self.value(of: request, &node) else { return malformed() }
      guard takeLast(fid) else { return malformed() }
    case .orphans: creation = sequence == nil ? .sequence : hasObjects ? .ready : .make
    case .sequence:
      guard let range: SequenceRange = Self.value(of: request, &node),
        range.start >= SequenceTable.first, range.start <= .max - SequenceTable.width
      else { return malformed() }
      sequence = range.start
      isSequenceNew = true
      lastObject = ObjectID(FID(range.start, 1))
      creation = .make
    case .make:
      guard let made: ObjectAttributes = Self.value(of: request, &node),
        made.object.isNumber == lastObject.isNumber,
        made.object.isNumber
          || made.object.fid.sequence == sequence
            && made.object.fid.objectID <= Self.sequenceWidth
      else { return malformed() }
      lastObject = made.object
      creation = .ready
    case .none, .ready: break
    }
  }

  /// Whether objects were made in the sequence that it has.
  private var hasObjects: Bool {
    !lastObject.isNumber && lastObject.fid.sequence == sequence && lastObject.fid.objectID > 1
  }

  /// What the target has made last: in the sequence of old numbers, or in the own one, which is given up when it is at its
  /// end (spec 11 §10). What it has made beyond that is nobody's, and what it has lost is made again: it is told by OST_CREATE.
  private mutating func takeLast(_ fid: FID) -> Bool {
    guard let sequence else {
      // Object 0 is none: the first one stands for it. As a FID of an old number it looks like that number's start.
      let number = (fid.sequence & 0xFFFF) << 32 | UInt64(fid.objectID)
      lastObject = ObjectID(number: max(1, number))
      creation = .orphans
      return true
    }
    guard fid.sequence == sequence else { return false }
    if !hasObjects { lastObject = ObjectID(FID(sequence, max(1, fid.objectID))) }
    if lastObject.fid.objectID > Self.sequenceWidth - UInt32(Self.batch) {
      self.sequence = nil
      creation = .sequence
    } else {
      creation = .orphans
    }
    return true
  }

  /// It is asked again with the next tick.
  private mutating func malformed() { status = WireErrno.eproto.status }

  private static func value<Value: FixedLayout>(
    of request: RequestHandle, _ node: inout NodeCore
  ) -> Value? {
    guard let reply = try? node.rpc.reply(to: request, turn: &node.turn) else { return nil }
    return try? reply.message.value(at: 1, in: node.turn.memory.bytes(reply.bytes))
  }
}
