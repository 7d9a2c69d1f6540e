package import LNet
internal import LustreWire
package import NodeCore
internal import RDMATransport
internal import Verbena

/// The passive end of the benchmarks: echoes or drops messages, and offers bulk memory.
///
/// It is what `verbena node` runs, so that anybody can measure against it.
package struct BenchTarget: NodeProgram {
  /// Echoes that may be under way; more wait for one to end.
  private static var echoCount: Int { 256 }
  private static var receiveTag: UInt64 { 1 }
  private static var bulkTag: UInt64 { 2 }
  private static var firstEchoTag: UInt64 { 16 }

  private var pieces: [BufferRef] = []
  private var freeEchoes: [Int] = []
  private let bulkSlotCount: Int
  package private(set) var messageCount = 0

  /// - Parameter bulkSlotCount: megabytes of bulk memory to offer, at most `BenchProtocol.bulkSlotCount`.
  package init(bulkSlotCount: Int = BenchProtocol.bulkSlotCount) {
    self.bulkSlotCount = bulkSlotCount
  }

  package mutating func started(_ node: inout NodeCore) {
    for index in 0..<Self.echoCount {
      guard let piece = node.turn.memory.messages.allocatePiece() else { break }
      pieces.append(piece)
      freeEchoes.append(index)
    }
    // In place: a message is read where it was received.
    _ = try? node.lnet.expose(
      MatchEntry(portal: BenchProtocol.messagePortal, matchBits: 0, ignoreBits: .max),
      MemoryDescriptor(memory: .none, options: [.put, .truncate], tag: Self.receiveTag),
      turn: &node.turn)
    for slot in 0..<bulkSlotCount {
      guard
        let memory = node.turn.memory.bulk.allocateRun(
          byteCount: BenchProtocol.bulkSlotByteCount)
      else { break }
      _ = try? node.lnet.expose(
        MatchEntry(portal: BenchProtocol.bulkPortal, matchBits: UInt64(slot)),
        MemoryDescriptor(
          memory: memory, options: [.put, .get, .remoteOffset, .truncate], tag: Self.bulkTag),
        turn: &node.turn)
    }
  }

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    if event.kind == .send, event.tag >= Self.firstEchoTag {
      freeEchoes.append(Int(event.tag - Self.firstEchoTag))
      return
    }
    guard event.kind == .put, event.tag == Self.receiveTag else { return }
    messageCount += 1
    if event.matchBits == BenchProtocol.echo { echo(event, &node) }
    node.lnet.release(event.delivery, turn: &node.turn)
  }

  private mutating func echo(_ event: LNetEvent, _ node: inout NodeCore) {
    guard let index = freeEchoes.popLast() else { return }
    let payload = pieces[index].part(
      offset: lndHeadroomByteCount, length: Int(event.movedLength))
    node.turn.memory.copy(from: event.payload, to: payload)
    do throws(LNetError) {
      let descriptor = try node.lnet.bind(
        MemoryDescriptor(
          memory: payload, threshold: 1, tag: Self.firstEchoTag + UInt64(index)))
      try node.lnet.put(
        PutRequest(
          descriptor: descriptor, target: ProcessID(nid: event.source),
          portal: BenchProtocol.echoPortal, matchBits: BenchProtocol.echo,
          interface: event.interface),
        turn: &node.turn)
    } catch {
      freeEchoes.append(index)
    }
  }
}
