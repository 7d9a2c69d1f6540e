internal import LustreWire

/// One direction of a connection as a capture writer keeps it: who sends to whom, and the next sequence number.
package struct RoCEFlow: Hashable, Sendable {
  /// The sender's address, first octet on top.
  package var source: UInt32
  /// The receiver's address, first octet on top.
  package var destination: UInt32
  /// The receiving queue pair, 24 bits.
  package var destinationQueuePair: UInt32
  /// The sequence number of the next packet, 24 bits.
  package var nextSequence: UInt32
  /// Payload bytes of one packet: 256...4096, a power of two.
  package var pathMTU: Int

  /// A flow of its fields.
  package init(
    source: UInt32, destination: UInt32, destinationQueuePair: UInt32, nextSequence: UInt32,
    pathMTU: Int = 4096
  ) {
    self.source = source
    self.destination = destination
    self.destinationQueuePair = destinationQueuePair
    self.nextSequence = nextSequence
    self.pathMTU = pathMTU
  }
}

/// Makes the Ethernet frames that a RoCE device would have sent, for capture files.
package enum RoCEFrameBuilder {
  /// The frames of one SEND.
  package static func send(_ message: borrowing RawSpan, on flow: inout RoCEFlow) -> [[UInt8]] {
    segments(
      of: message, on: &flow, first: .sendFirst, middle: .sendMiddle, last: .sendLast,
      only: .sendOnly, rdma: nil)
  }

  /// The frames of one RDMA WRITE.
  package static func write(
    _ data: borrowing RawSpan, to address: UInt64, remoteKey: UInt32, on flow: inout RoCEFlow
  ) -> [[UInt8]] {
    segments(
      of: data, on: &flow, first: .writeFirst, middle: .writeMiddle, last: .writeLast,
      only: .writeOnly,
      rdma: RDMATransportHeader(
        address: address, remoteKey: remoteKey, byteCount: UInt32(data.byteCount)))
  }

  /// The frame that acknowledges all packets of the other direction up to `sequence`.
  package static func acknowledge(
    sequence: UInt32, messageSequence: UInt32, on flow: RoCEFlow
  ) -> [UInt8] {
    let base = BaseTransportHeader(
      opcode: .acknowledge, destinationQueuePair: flow.destinationQueuePair, sequence: sequence)
    return frame(
      source: flow.source, destination: flow.destination, base: base, extendedByteCount: 4,
      payloadByteCount: 0
    ) { bytes, offset in
      AcknowledgeHeader(messageSequence: messageSequence).encode(into: &bytes, at: offset)
    }
  }

  /// The frame of a connection manager message.
  package static func connectionManager(
    _ message: CMMessage, from source: UInt32, to destination: UInt32, sequence: UInt32 = 0
  ) -> [UInt8] {
    let base = BaseTransportHeader(
      opcode: .datagram, destinationQueuePair: 1, acknowledgeRequested: true, sequence: sequence)
    return frame(
      source: source, destination: destination, base: base, extendedByteCount: 8,
      payloadByteCount: CMMessage.byteCount
    ) { bytes, offset in
      bytes.storeBig(UInt32(0x8001_0000), at: offset)
      bytes.storeBig(UInt32(1), at: offset + 4)
      message.encode(into: &bytes, at: offset + 8)
    }
  }

  private static func segments(
    of data: borrowing RawSpan, on flow: inout RoCEFlow, first: RoCEOpcode, middle: RoCEOpcode,
    last: RoCEOpcode, only: RoCEOpcode, rdma: RDMATransportHeader?
  ) -> [[UInt8]] {
    var frames: [[UInt8]] = []
    var position = 0
    repeat {
      let end = min(position + flow.pathMTU, data.byteCount)
      let isFirst = position == 0
      let isLast = end == data.byteCount
      let opcode = isFirst ? (isLast ? only : first) : (isLast ? last : middle)
      let padding = UInt8(-(end - position) & 3)
      let base = BaseTransportHeader(
        opcode: opcode, padBytes: padding, destinationQueuePair: flow.destinationQueuePair,
        acknowledgeRequested: isLast, sequence: flow.nextSequence)
      flow.nextSequence = (flow.nextSequence + 1) & 0xFF_FFFF
      let part = data.extracting(position..<end)
      var chunk = [UInt8]()
      chunk.reserveCapacity(part.byteCount)
      for index in 0..<part.byteCount { chunk.append(part.byte(at: index)) }
      let header = isFirst ? rdma : nil
      frames.append(
        frame(
          source: flow.source, destination: flow.destination, base: base,
          extendedByteCount: opcode.extendedByteCount, payloadByteCount: chunk.count
        ) { bytes, offset in
          header?.encode(into: &bytes, at: offset)
          for index in chunk.indices {
            bytes.storeNative(chunk[index], at: offset + opcode.extendedByteCount + index)
          }
        })
      position = end
    } while position < data.byteCount
    return frames
  }

  /// A frame whose extended headers and payload `fill` writes at the offset that it is given.
  private static func frame(
    source: UInt32, destination: UInt32, base: BaseTransportHeader, extendedByteCount: Int,
    payloadByteCount: Int, fill: (inout MutableRawSpan, Int) -> Void
  ) -> [UInt8] {
    let body = extendedByteCount + payloadByteCount + Int(base.padBytes)
    let udpBytes = 8 + BaseTransportHeader.byteCount + body + RoCEPacket.invariantCRCBytes
    let ip = RoCEPacket.ethernetBytes
    let end = ip + 20 + udpBytes
    var bytes = [UInt8](repeating: 0, count: end)
    bytes.withMutableRawSpan {
      storeAddress(of: destination, into: &$0, at: 0)
      storeAddress(of: source, into: &$0, at: 6)
      $0.storeBig(UInt16(0x0800), at: 12)
      $0.storeBig(UInt16(0x4500), at: ip)
      $0.storeBig(UInt16(20 + udpBytes), at: ip + 2)
      $0.storeBig(UInt16(0x4000), at: ip + 6)
      $0.storeBig(UInt16(0x4011), at: ip + 8)
      $0.storeBig(source, at: ip + 12)
      $0.storeBig(destination, at: ip + 16)
      $0.storeBig(UInt16(0xC000 | UInt16(base.destinationQueuePair & 0x3FFF)), at: ip + 20)
      $0.storeBig(RoCEPacket.udpPort, at: ip + 22)
      $0.storeBig(UInt16(udpBytes), at: ip + 24)
      base.encode(into: &$0, at: ip + 28)
      fill(&$0, ip + 28 + BaseTransportHeader.byteCount)
    }
    let checksum = headerChecksum(of: bytes, at: ip)
    bytes.withMutableRawSpan { $0.storeBig(checksum, at: ip + 10) }
    let crc = InvariantCRC.compute(
      from: ip, to: end - RoCEPacket.invariantCRCBytes, in: bytes.rawBytes)
    bytes.withMutableRawSpan {
      $0.storeLittle(crc, at: end - RoCEPacket.invariantCRCBytes)
    }
    return bytes
  }

  /// A locally administered Ethernet address made of the IPv4 address.
  private static func storeAddress(
    of address: UInt32, into bytes: inout MutableRawSpan, at offset: Int
  ) {
    bytes.storeBig(UInt16(0x0200), at: offset)
    bytes.storeBig(address, at: offset + 2)
  }

  private static func headerChecksum(of bytes: [UInt8], at offset: Int) -> UInt16 {
    var sum: UInt32 = 0
    for index in stride(from: offset, to: offset + 20, by: 2) {
      sum += UInt32(bytes[index]) << 8 | UInt32(bytes[index + 1])
    }
    while sum >> 16 != 0 { sum = sum & 0xFFFF + sum >> 16 }
    return ~UInt16(sum)
  }
}
