internal import RDMATransport

/// A message of the connection manager between two ends of a link; it fills a cell of 256 bytes.
struct ConnectMessage: BitwiseCopyable {
  enum Kind: UInt8 {
    case request = 1
    case reply = 2
    case ready = 3
    case reject = 4
    /// The active side does not wait any longer.
    case withdraw = 5
    case disconnect = 6
    /// The sender of this writes no more into the queue pair it names.
    case disconnected = 7
  }

  var kind: UInt8
  var dataCount: UInt8 = 0
  var reason: UInt16 = 0
  /// The queue pair of who sends this; `.none` when there is none.
  var source: UInt32
  /// The queue pair of who receives this, as it named it before.
  var destination: UInt32
  var sourceAddress: UInt32 = 0
  var destinationAddress: UInt32 = 0
  var sourcePort: UInt16 = 0
  var destinationPort: UInt16 = 0
  var responderResources: UInt8 = 0
  var initiatorDepth: UInt8 = 0
  var data = InlineArray<196, UInt8>(repeating: 0)

  init(_ kind: Kind, source: UInt32, destination: UInt32) {
    self.kind = kind.rawValue
    self.source = source
    self.destination = destination
  }

  mutating func carry(_ privateData: PrivateData, limit: Int) {
    let bytes = privateData.bytes
    let count = min(bytes.byteCount, limit)
    for index in 0..<count {
      // SAFETY: `index` is below the byte count; any bit pattern is a UInt8.
      data[index] = unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }
    dataCount = UInt8(count)
  }

  /// The private data as a receiver sees it: padded with zeros to what the message can hold.
  func privateData(paddedTo padded: Int) -> PrivateData {
    // SAFETY: the bytes of an array of UInt8 are what they are.
    let bytes = unsafe data.span.bytes
    return PrivateData(bytes.extracting(first: min(Int(dataCount), padded)), paddedTo: padded)
  }
}
