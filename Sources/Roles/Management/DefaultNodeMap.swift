internal import LustreWire

/// What a server gets that asks for the map of nodes: one page of an index with the two entries that every management
/// server has. Here nobody is mapped.
///
/// **Wire:** `struct lu_idxpage`, 16 bytes, and records of an 8-byte key and 32 bytes, as in capture 16 (spec 11 §14).
enum DefaultNodeMap {
  private static let pageByteCount = 4096
  private static let pageMagic: UInt32 = 0x8A6D_6B6C
  /// The top bits of a key say what the record is: a group of nodes, or what concerns all of them.
  private static let groupKey: UInt32 = 1 << 28
  private static let globalKey: UInt32 = 15 << 28
  /// What a group is that nobody has set up: trusted with nothing, mapped in no direction.
  private static let groupFlags: [UInt8] = [0xB8, 0x04]
  /// Users, groups and projects that are not mapped have this number.
  private static let nobody: UInt32 = 0xFFFE

  static let part: ManagedFileSystem.TablePart = {
    var bytes = [UInt8](repeating: 0, count: pageByteCount)
    bytes.withMutableRawSpan { page in
      page.storeNative(pageMagic, at: 0)
      page.storeNative(UInt16(2), at: 6)
      page.storeNative(groupKey, at: 16)
      for (index, byte) in "default".utf8.enumerated() { page.storeNative(byte, at: 24 + index) }
      for (index, byte) in groupFlags.enumerated() { page.storeNative(byte, at: 41 + index) }
      for index in 0..<3 { page.storeNative(nobody, at: 44 + 4 * index) }
      page.storeNative(globalKey, at: 56)
    }
    var reply = ConfigReadReply()
    // No page follows.
    reply.offset = 0xFFFF_FFFF_FFFF_FFFE
    reply.size = 1
    return ManagedFileSystem.TablePart(bytes: bytes, reply: reply)
  }()
}
