/// The private data of a connection manager's message: up to 196 bytes, kept in place.
///
/// What fits depends on the message: 56 bytes in a REQ, 196 in a REP, 148 in a REJ. A receiver of a REQ sees
/// 56 bytes, of a REP 196 and of a REJ 148, zero-padded, whatever was sent (spec 02 §2): so compare
/// lengths with "at least".
public struct PrivateData: Sendable, BitwiseCopyable {
  /// Bytes of a REQ's private data that are the program's: 56.
  public static var requestByteCountMax: Int { 56 }
  /// Bytes of a REP's private data: 196.
  public static var replyByteCountMax: Int { 196 }
  /// Bytes of a REJ's private data: 148.
  public static var rejectByteCountMax: Int { 148 }

  @usableFromInline var storage: InlineArray<196, UInt8>
  /// Bytes that count: 0 to 196.
  public private(set) var count: Int

  /// No private data.
  public init() {
    storage = InlineArray(repeating: 0)
    count = 0
  }

  /// - Parameters:
  ///   - bytes: at most 196; the rest is left out.
  ///   - count: what it is padded to with zeros; at least the bytes given.
  public init(_ bytes: borrowing RawSpan, paddedTo padded: Int = 0) {
    storage = InlineArray(repeating: 0)
    let length = min(bytes.byteCount, 196)
    for index in 0..<length {
      // SAFETY: `index` is below the byte count; any bit pattern is a UInt8.
      storage[index] = unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }
    count = max(length, min(padded, 196))
  }

  /// - Parameters:
  ///   - byteCount: at most 196.
  ///   - write: fills the bytes, which are zero before.
  package init(byteCount: Int, write: (inout MutableRawSpan) -> Void) {
    precondition(byteCount >= 0 && byteCount <= Self.replyByteCountMax)
    storage = InlineArray(repeating: 0)
    count = byteCount
    var span = storage.mutableSpan
    // SAFETY: any bytes are UInt8s; the span ends with this initialiser.
    var bytes = unsafe span.mutableBytes
    var part = bytes._mutatingExtracting(first: byteCount)
    write(&part)
  }

  /// The bytes, `count` of them.
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      // SAFETY: the bytes of an array of UInt8 are what they are.
      unsafe storage.span.bytes.extracting(first: count)
    }
  }
}

extension PrivateData: Equatable {
  /// Equal in length and in every byte: compare what was received with what was sent by prefix instead.
  public static func == (a: PrivateData, b: PrivateData) -> Bool {
    guard a.count == b.count else { return false }
    for index in 0..<a.count where a.storage[index] != b.storage[index] { return false }
    return true
  }
}
