internal import LustreWire
internal import Storage

extension MetadataBody {
  /// The attributes of a fresh file system's root directory, as a real target told them.
  static var root: MetadataBody {
    var body = MetadataBody()
    body.fid1 = .root
    // Identifier, times, size, blocks, mode, type, owner, flags, links, and that size and blocks are exact.
    body.valid = AttributeValid(rawValue: 0x1100_0080_8001_2FBF)
    body.size = 4096
    body.blocks = 8
    body.mode = 0o40755
    body.links = 3
    body.maximumLayoutByteCount = 128
    return body
  }
}

extension Statfs {
  /// How a metadata target fares: its disk's numbers, and the limits of a real one (spec 10 §11.1).
  init(ofMetadata statistics: StoreStatistics) {
    self.init()
    // The backend's magic, as clients see it everywhere.
    type = 0xEF53
    blocks = statistics.blocks
    freeBlocks = statistics.blocksFree
    availableBlocks = statistics.blocksAvailable
    files = statistics.objects
    freeFiles = statistics.objectsFree
    blockByteCount = UInt32(clamping: statistics.blockByteCount)
    nameByteCount = 255
    maximumByteCount = 0xFFF_FFFF_F000
  }
}
