package import LNet
internal import LustreWire
package import NodeCore
internal import RDMATransport
internal import Verbena

/// The passive end of every measurement: a program on a node's loop that answers echoes, checks data and lets
/// peers read a pattern.
package struct BenchService: NodeProgram {
  /// From here on tags are the service's; smaller ones are those of the active end on the same node.
  static let firstTag: UInt64 = 1 << 32
  private static let messagesTag = firstTag
  private static let patternTag = firstTag + 1
  private static let echoTag = firstTag + 2

  private var accounts = BenchAccounts()
  private var echoMemory = BufferRef.none
  /// The descriptor of echoes of the last length: a whole descriptor is always sent.
  private var echoDescriptor = DescriptorHandle.none
  private var echoLength: UInt32 = 0

  package init() {}

  package mutating func started(_ node: inout NodeCore) {
    // PUTs are handed over where they were received: whoever sends more than there is memory for is refused.
    let messages = MatchEntry(portal: BenchWire.service, matchBits: 0, ignoreBits: ~0)
    _ = try? node.lnet.expose(
      messages,
      MemoryDescriptor(
        memory: .none, options: [.put], unlinksWhenExhausted: false, tag: Self.messagesTag),
      turn: &node.turn)
    if let pattern = node.turn.memory.bulk.allocateRun(byteCount: BenchWire.byteCountMax) {
      var bytes = node.turn.memory.mutableBytes(pattern)
      TransferPattern.fill(&bytes)
      let entry = MatchEntry(
        portal: BenchWire.service, matchBits: BenchWire.matchBits(.pattern, session: 0),
        ignoreBits: BenchWire.answerMask)
      _ = try? node.lnet.expose(
        entry,
        MemoryDescriptor(
          memory: pattern, options: [.get, .remoteOffset], unlinksWhenExhausted: false,
          tag: Self.patternTag), turn: &node.turn)
    }
    if let memory = node.turn.memory.bulk.allocateRun(byteCount: BenchWire.byteCountMax) {
      echoMemory = memory
    }
  }

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    guard event.kind == .put, event.tag == Self.messagesTag, event.status == 0 else { return }
    let session = UInt32(truncatingIfNeeded: event.matchBits & BenchWire.sessionMask)
    switch BenchWire.kind(event.matchBits) {
    case .echo: answer(event, session, &node)
    case .discard: accounts.count(session, isWrong: false)
    case .data:
      let isWrong =
        event.headerData != 0
        && TransferChecksum.of(node.turn.memory.bytes(event.payload)) != event.headerData
      accounts.count(session, isWrong: isWrong)
    case .pattern, nil: break
    }
    // A message without data holds nothing.
    if event.delivery != .none { node.lnet.release(event.delivery, turn: &node.turn) }
  }

  /// Sends as many bytes back as came. When a table is full the echo is not sent; the asker's deadline says so.
  private mutating func answer(
    _ event: LNetEvent, _ session: UInt32, _ node: inout NodeCore
  ) {
    do throws(LNetError) {
      if echoDescriptor == .none || echoLength != event.movedLength {
        if echoDescriptor != .none { try node.lnet.unlink(echoDescriptor, turn: &node.turn) }
        echoLength = event.movedLength
        let part = echoMemory.part(offset: 0, length: Int(echoLength))
        echoDescriptor = try node.lnet.bind(
          MemoryDescriptor(memory: part, unlinksWhenExhausted: false, tag: Self.echoTag))
      }
      try node.lnet.put(
        PutRequest(
          descriptor: echoDescriptor, target: ProcessID(nid: event.source),
          portal: BenchWire.answers, matchBits: event.matchBits & BenchWire.answerMask,
          headerData: accounts[session].encoded, interface: event.interface), turn: &node.turn)
    } catch {
      return
    }
  }
}
