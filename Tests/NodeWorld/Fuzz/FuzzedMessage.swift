internal import LNet
internal import LustreWire
internal import Simulation

/// A PtlRPC message before it is encoded, so that each of its parts can be bent.
struct FuzzedMessage {
  var body: RPCBody
  var header = RPCHeader()
  /// Those behind the body.
  var buffers: [[UInt8]]
  var portal: Portal

  init(_ opcode: Opcode, _ portal: Portal, _ buffers: [[UInt8]] = []) {
    body = RPCBody(request: opcode)
    body.timeout = 20
    header.flags = .connected
    header.replyByteCount = 4096
    self.buffers = buffers
    self.portal = portal
  }

  var bytes: [UInt8] {
    let buffers = buffers.prefix(RPCLimits.maximumBuffers - 1)
    var byteCount =
      RPCMessage.headerByteCount(buffers: 1 + buffers.count) + RPCBody.byteCount
    for buffer in buffers { byteCount += RPCMessage.padded(buffer.count) }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    bytes.withMutableRawSpan { span in
      var encoder = RPCMessageEncoder(header, bufferCount: 1 + buffers.count, into: &span)
      encoder.add(body, into: &span)
      for buffer in buffers {
        let start = encoder.add(length: buffer.count, into: &span)
        for (index, byte) in buffer.enumerated() { span.storeNative(byte, at: start + index) }
      }
    }
    return bytes
  }

  /// One change of what a message consists of.
  mutating func bend(_ source: inout ByteSource) {
    guard !buffers.isEmpty else { return }
    let index = source.next(below: buffers.count)
    let count = buffers[index].count
    switch source.next(below: 8) {
    case 0: buffers[index].removeLast(min(count, Int(source.next())))
    case 1: buffers[index] = []
    case 2: buffers[index].append(contentsOf: [UInt8](repeating: source.next(), count: 64))
    case 3: buffers.swapAt(index, source.next(below: buffers.count))
    case 4: buffers.remove(at: index)
    case 5:
      let made = [UInt8](repeating: source.next(), count: source.next16() % 600)
      buffers.insert(made, at: index)
    case 6: if count < 2000 { buffers[index] += buffers[index] }
    default:
      // Texts: what a number in a name can be, and names without an end.
      let text = Self.texts[source.next(below: Self.texts.count)]
      for (offset, byte) in text.utf8.enumerated() where offset < count {
        buffers[index][offset] = byte
      }
    }
  }

  private static let texts = [
    "", "lfs-OST0000", "lfs-OSTffffffff_UUID", "lfs-MDT0001", "lfs-client", "lfs-cliir", "lfs",
    "nodemap", "-cliir", "last_fid", "grant_shrink", "params", "lfs-OST0001_UUID", "MGS",
    "lfs-MDT0000-mdtlov_UUID", "lfs-MDT0000-lwp-OST0000_UUID",
    "sys.timeout=99999999999999999999", "failover.node=10.0.0.1@o2ib:10.0.0.2@o2ib",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  ]
}

/// Changes of encoded messages.
enum ByteBender {
  /// Sets a number somewhere to one at the edges of what it can be.
  static func bend(_ bytes: inout [UInt8], from start: Int, _ source: inout ByteSource) {
    guard bytes.count >= start + 8 else { return }
    let place = start + source.next16() % (bytes.count - start)
    switch source.next(below: 4) {
    case 0: store(source.edge(), 8, at: place & ~7, &bytes)
    case 1: store(source.edge(), 4, at: place & ~3, &bytes)
    case 2: store(UInt64(source.next()), 1, at: place, &bytes)
    default:
      let small = Int64(Int8(bitPattern: source.next()))
      store(UInt64(bitPattern: small), 4, at: place & ~3, &bytes)
    }
  }

  /// Sets one of a message's declared lengths, or a field of its header or body.
  static func bendHead(_ bytes: inout [UInt8], from start: Int, _ source: inout ByteSource) {
    let place =
      switch source.next(below: 3) {
      case 0: RPCHeader.byteCount + 4 * source.next(below: 8)
      case 1: 4 * source.next(below: 8)
      // Everything from the handle to the job.
      default: 40 + 4 * source.next(below: 46)
      }
    store(source.edge(), source.next() & 1 == 0 ? 4 : 8, at: start + place, &bytes)
  }

  private static func store(_ value: UInt64, _ count: Int, at place: Int, _ bytes: inout [UInt8]) {
    for offset in 0..<count where place + offset < bytes.count {
      bytes[place + offset] = UInt8(truncatingIfNeeded: value >> UInt64(8 * offset))
    }
  }
}

extension FixedLayout {
  /// As on the wire.
  var encoded: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.byteCount)
    bytes.withMutableRawSpan { encode(into: &$0, at: 0) }
    return bytes
  }
}
