/// What a SET_INFO or GET_INFO is about.
///
/// **Wire:** buffer 1, a text that real nodes send with its NUL (spec 10 §11, §16.2).
public struct InfoKey: Hashable, Sendable, BitwiseCopyable {
  /// The text; longer ones are no keys.
  public var text: WireText<64>

  /// The key with this text.
  @inlinable public init(text: WireText<64>) { self.text = text }

  private init(known text: String) { self.text = WireText(text) ?? WireText() }

  /// From an object target: the last identifier it made.
  public static let lastFID = InfoKey(known: "last_fid")
  /// To an object target: the client gives a grant back.
  public static let grantShrink = InfoKey(known: "grant_shrink")

  /// Reads the key that fills `buffer`, with or without its NUL. Throws `illegalLength` for one that is empty or
  /// longer than 63 bytes.
  public init(_ buffer: borrowing RawSpan) throws(WireError) {
    var bytes = InlineArray<64, UInt8>(repeating: 0)
    var count = 0
    while count < buffer.byteCount, buffer.byte(at: count) != 0 {
      guard count < 63 else {
        throw .illegalLength(.infoKey, length: UInt32(clamping: buffer.byteCount))
      }
      bytes[count] = buffer.byte(at: count)
      count += 1
    }
    guard count > 0 else { throw .illegalLength(.infoKey, length: 0) }
    text = WireText(bytes: bytes)
  }
}

extension InfoKey: CustomStringConvertible {
  /// The text.
  public var description: String { text.description }
}
