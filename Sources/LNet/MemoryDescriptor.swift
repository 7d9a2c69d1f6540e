internal import LustreWire
package import RDMATransport
internal import Structures

/// What a descriptor allows, in Lustre's own bits (spec 01 §4.2).
package struct DescriptorOptions: OptionSet, Equatable, BitwiseCopyable, Sendable {
  package var rawValue: UInt16
  package init(rawValue: UInt16) { self.rawValue = rawValue }

  /// Peers may write.
  package static let put = DescriptorOptions(rawValue: 0x0001)
  /// Peers may read.
  package static let get = DescriptorOptions(rawValue: 0x0002)
  /// The peer says where; else each operation begins where the last one ended.
  package static let remoteOffset = DescriptorOptions(rawValue: 0x0004)
  /// What is too long is cut off; else the message is dropped.
  package static let truncate = DescriptorOptions(rawValue: 0x0010)
  /// No ACK is ever sent for what lands here.
  package static let acknowledgeDisabled = DescriptorOptions(rawValue: 0x0020)
  /// `maxSize` counts.
  package static let maxSize = DescriptorOptions(rawValue: 0x0080)
}

/// Memory that messages are sent from or land in (spec 01 §4.2).
package struct MemoryDescriptor: Equatable, BitwiseCopyable, Sendable {
  /// The bytes. What peers may read lies in bulk memory. A piece of message memory that is sent has
  /// `lndHeadroomByteCount` free bytes in front, and is sent once at a time. `.none`: PUTs are handed over
  /// where they were received, and stay there until they are released.
  package var memory: BufferRef
  package var options: DescriptorOptions
  /// How many operations; negative for any number. A PUT of ours counts as one, its ACK as another; so do a
  /// GET and its REPLY.
  package var threshold: Int32
  /// With `.maxSize`: the most bytes of one operation; the descriptor is used up when less is left.
  package var maxSize: UInt32
  /// Whether it goes when it is used up and idle.
  package var unlinksWhenExhausted: Bool
  /// The consumer's own; comes back in every event.
  package var tag: UInt64

  package init(
    memory: BufferRef, options: DescriptorOptions = [], threshold: Int32 = -1, maxSize: UInt32 = 0,
    unlinksWhenExhausted: Bool = true, tag: UInt64 = 0
  ) {
    self.memory = memory
    self.options = options
    self.threshold = threshold
    self.maxSize = maxSize
    self.unlinksWhenExhausted = unlinksWhenExhausted
    self.tag = tag
  }
}

/// Names a memory descriptor, here and on the wire (spec 01 §3.4); never used twice.
package struct DescriptorHandle: Equatable, Hashable, BitwiseCopyable, Sendable {
  package var raw: UInt64
  package init(raw: UInt64) { self.raw = raw }
  package static var none: DescriptorHandle { DescriptorHandle(raw: 0) }

  // Other modules compare with `==` and `!=` of the standard library through a table, which costs four calls.
  @inlinable package var isNone: Bool {
    @inline(__always) get { raw == 0 }
  }
}

/// Who hears of a descriptor's events.
enum DescriptorOwner: UInt8, BitwiseCopyable {
  case consumer, probe
}

/// A descriptor in its table.
struct DescriptorRecord: BitwiseCopyable {
  /// The handle; 0 when the cell is free.
  var id: UInt64
  var tag: UInt64
  var memory: BufferRef
  var length: UInt32
  var maxSize: UInt32
  var offset: UInt32
  var threshold: Int32
  /// Messages and transfers that use the memory now.
  var uses: Int32
  var entry: UInt32
  var options: DescriptorOptions
  var owner: DescriptorOwner
  var unlinksWhenExhausted: Bool
  var isInPlace: Bool
  /// It goes as soon as it is idle; what ends before ends with `abortStatus`.
  var isAborted: Bool
  var abortStatus: Int32
  /// How many ACKs and REPLYs are still expected, and from whom.
  var expectedAcknowledgements: UInt16
  var expectedReplies: UInt16
  /// ACKs and REPLYs that have come as messages, which do not say of which operation they are.
  var responseCount: UInt16
  var responder: NID
  /// Place in the list of those that expect a response, and until when.
  var responseDeadline: UInt64
  var nextExpected: UInt32
  var previousExpected: UInt32
  /// The message under way that was sent last from here.
  var message: Handle

  static let free = DescriptorRecord(
    id: 0, tag: 0, memory: .none, length: 0, maxSize: 0, offset: 0, threshold: 0, uses: 0,
    entry: noCell, options: [], owner: .consumer, unlinksWhenExhausted: true, isInPlace: false,
    isAborted: false, abortStatus: 0, expectedAcknowledgements: 0, expectedReplies: 0,
    responseCount: 0, responder: .any, responseDeadline: 0, nextExpected: noCell,
    previousExpected: noCell,
    message: .none)

  /// Takes no further operation (spec 01 §4.3, 1).
  @inline(__always)
  var isExhausted: Bool {
    threshold == 0
      || options.contains(.maxSize) && !isInPlace && UInt64(offset) + UInt64(maxSize) > length
  }

  /// Counts an operation that begins.
  @inline(__always)
  mutating func countOperation() {
    uses += 1
    if threshold > 0 { threshold -= 1 }
  }

  var expectsResponse: Bool { expectedAcknowledgements != 0 || expectedReplies != 0 }
}
