internal import LustreWire

/// What a packet completed.
package enum StreamEvent: Hashable, Sendable {
  /// Nothing yet.
  case none
  /// A SEND with these bytes.
  case message([UInt8])
  /// An RDMA WRITE of so many bytes to where its header says; the bytes themselves unless they are more than
  /// any RPC has.
  case write(RDMATransportHeader, byteCount: Int, bytes: [UInt8])
  /// Something is missing or wrong.
  case problem(StreamProblem)
}

/// Why packets of a stream do not make a message.
package enum StreamProblem: Hashable, Sendable, CustomStringConvertible {
  /// So many packets are not in the capture.
  case missing(UInt32)
  /// A segment does not continue what came before it.
  case unexpected(opcode: UInt8)
  /// The segments are more than any message is.
  case tooLong
  /// A WRITE moved another number of bytes than its header says.
  case writeLength(declared: UInt32, moved: Int)

  /// What is wrong, with its numbers.
  package var description: String {
    switch self {
    case .missing(let count): "\(count) packets are missing from the capture"
    case .unexpected(let opcode):
      "segment with opcode \(hexText(opcode)) does not continue a message"
    case .tooLong: "segments make more than \(CaptureLimits.messageBytes) bytes"
    case .writeLength(let declared, let moved):
      "RDMA WRITE of \(declared) bytes moved \(moved)"
    }
  }
}

/// Puts the segments of one direction of a connection together, and drops what was sent again.
package struct StreamReassembler: Sendable {
  private enum Partial: Hashable, Sendable {
    case none
    case send([UInt8])
    case write(RDMATransportHeader, moved: Int, bytes: [UInt8])
    /// The start of the message is not there: its rest is skipped silently.
    case skipping
  }

  private var partial = Partial.none
  private var expected: UInt32?

  /// Follows a stream whose first sequence number is known, or nil.
  package init(startingSequence: UInt32?) {
    expected = startingSequence
    if startingSequence == nil { partial = .skipping }
  }

  /// Takes the next packet; acknowledgements and answers to READs are not part of the stream. The second
  /// result is a gap before the packet.
  package mutating func take(
    _ packet: RoCEPacket, in bytes: borrowing RawSpan
  ) -> (event: StreamEvent, gap: StreamProblem?) {
    guard let opcode = packet.opcode, Self.isRequest(opcode) else { return (.none, nil) }
    var gap: StreamProblem?
    if let expected {
      let ahead = (packet.base.sequence &- expected) & 0xFF_FFFF
      // The upper half of the circle is the past: the packet was sent again.
      guard ahead < 0x80_0000 else { return (.none, nil) }
      if ahead > 0 {
        gap = .missing(ahead)
        partial = .skipping
      }
    }
    expected = (packet.base.sequence + 1) & 0xFF_FFFF
    return (segment(opcode, packet, in: bytes), gap)
  }

  private static func isRequest(_ opcode: RoCEOpcode) -> Bool {
    switch opcode {
    case .readResponseFirst, .readResponseMiddle, .readResponseLast, .readResponseOnly: false
    case .acknowledge, .datagram: false
    default: true
    }
  }

  private mutating func segment(
    _ opcode: RoCEOpcode, _ packet: RoCEPacket, in bytes: borrowing RawSpan
  ) -> StreamEvent {
    switch opcode {
    case .sendFirst:
      partial = .send([])
      return append(packet, in: bytes, isLast: false)
    case .sendOnly, .sendOnlyImmediate, .sendOnlyInvalidate:
      partial = .send([])
      return append(packet, in: bytes, isLast: true)
    case .sendMiddle: return append(packet, in: bytes, isLast: false)
    case .sendLast, .sendLastImmediate, .sendLastInvalidate:
      return append(packet, in: bytes, isLast: true)
    case .writeFirst:
      partial = .write(
        RDMATransportHeader(at: packet.extendedOffset, in: bytes), moved: 0, bytes: [])
      return move(packet, in: bytes, isLast: false)
    case .writeOnly, .writeOnlyImmediate:
      partial = .write(
        RDMATransportHeader(at: packet.extendedOffset, in: bytes), moved: 0, bytes: [])
      return move(packet, in: bytes, isLast: true)
    case .writeMiddle: return move(packet, in: bytes, isLast: false)
    case .writeLast, .writeLastImmediate: return move(packet, in: bytes, isLast: true)
    case .readRequest:
      // Its answer takes as many sequence numbers as it has packets, which are not known here.
      expected = nil
      partial = .none
      return .none
    default: return .none
    }
  }

  private mutating func append(
    _ packet: RoCEPacket, in bytes: borrowing RawSpan, isLast: Bool
  ) -> StreamEvent {
    switch partial {
    case .skipping:
      if isLast { partial = .none }
      return .none
    case .send(var message):
      partial = .none
      guard message.count + packet.payload.count <= CaptureLimits.messageBytes else {
        partial = isLast ? .none : .skipping
        return .problem(.tooLong)
      }
      message.reserveCapacity(message.count + packet.payload.count)
      for index in packet.payload { message.append(bytes.byte(at: index)) }
      if isLast { return .message(message) }
      partial = .send(message)
      return .none
    case .none, .write:
      partial = isLast ? .none : .skipping
      return .problem(.unexpected(opcode: packet.base.opcode))
    }
  }

  private mutating func move(
    _ packet: RoCEPacket, in bytes: borrowing RawSpan, isLast: Bool
  ) -> StreamEvent {
    switch partial {
    case .skipping:
      if isLast { partial = .none }
      return .none
    case .write(let header, let before, var content):
      partial = .none
      let moved = before + packet.payload.count
      if Int(header.byteCount) <= CaptureLimits.messageBytes, moved <= Int(header.byteCount) {
        if content.isEmpty { content.reserveCapacity(Int(header.byteCount)) }
        for index in packet.payload { content.append(bytes.byte(at: index)) }
      }
      guard isLast else {
        partial = .write(header, moved: moved, bytes: content)
        return .none
      }
      guard moved == Int(header.byteCount) else {
        return .problem(.writeLength(declared: header.byteCount, moved: moved))
      }
      return .write(header, byteCount: moved, bytes: content)
    case .none, .send:
      partial = isLast ? .none : .skipping
      return .problem(.unexpected(opcode: packet.base.opcode))
    }
  }
}
