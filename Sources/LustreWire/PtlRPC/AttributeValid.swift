/// Which fields of ``ObjectAttributes`` or ``MetadataBody`` hold something, and what is asked for.
///
/// **Wire:** `o_valid`, `mbo_valid` (spec 10 §11.1, 13 §5.3). Unknown bits are kept.
public struct AttributeValid: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt64

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// `FLID`: the identifier.
  public static let id = AttributeValid(rawValue: 0x1)
  /// `FLATIME`: the time of the last access.
  public static let accessTime = AttributeValid(rawValue: 0x2)
  /// `FLMTIME`: the time of the last modification.
  public static let modificationTime = AttributeValid(rawValue: 0x4)
  /// `FLCTIME`: the time of the last change.
  public static let changeTime = AttributeValid(rawValue: 0x8)
  /// `FLSIZE`: the size.
  public static let size = AttributeValid(rawValue: 0x10)
  /// `FLBLOCKS`: the blocks.
  public static let blocks = AttributeValid(rawValue: 0x20)
  /// `FLBLKSZ`: the size of a block.
  public static let blockSize = AttributeValid(rawValue: 0x40)
  /// `FLMODE`: the mode.
  public static let mode = AttributeValid(rawValue: 0x80)
  /// `FLTYPE`: the type.
  public static let type = AttributeValid(rawValue: 0x100)
  /// `FLUID`: the user.
  public static let uid = AttributeValid(rawValue: 0x200)
  /// `FLGID`: the group.
  public static let gid = AttributeValid(rawValue: 0x400)
  /// `FLFLAGS`: the flags.
  public static let flags = AttributeValid(rawValue: 0x800)
  /// `FLNLINK`: the number of links.
  public static let links = AttributeValid(rawValue: 0x2000)
  /// `FLGENER`: the generation.
  public static let generation = AttributeValid(rawValue: 0x4000)
  /// `LAYOUT_VERSION`: the version of the layout.
  public static let layoutVersion = AttributeValid(rawValue: 0x8000)
  /// `FLRDEV`: the device.
  public static let device = AttributeValid(rawValue: 0x1_0000)
  /// `FLEASIZE`: the size of the layout.
  public static let layoutSize = AttributeValid(rawValue: 0x2_0000)
  /// `FLHANDLE`: the handle of a lock.
  public static let handle = AttributeValid(rawValue: 0x8_0000)
  /// `FLCKSUM`: the checksum.
  public static let checksum = AttributeValid(rawValue: 0x10_0000)
  /// `FLGROUP`: the sequence.
  public static let group = AttributeValid(rawValue: 0x100_0000)
  /// `FLFID`: the file an object is part of.
  public static let parent = AttributeValid(rawValue: 0x200_0000)
  /// `FLEPOCH`: the epoch.
  public static let epoch = AttributeValid(rawValue: 0x400_0000)
  /// `FLGRANT`: the grant.
  public static let grant = AttributeValid(rawValue: 0x800_0000)
  /// `FLDIREA`: the default layout of a directory.
  public static let directoryLayout = AttributeValid(rawValue: 0x1000_0000)
  /// `FLUSRQUOTA`: whether the user is out of quota.
  public static let userQuota = AttributeValid(rawValue: 0x2000_0000)
  /// `FLGRPQUOTA`: whether the group is out of quota.
  public static let groupQuota = AttributeValid(rawValue: 0x4000_0000)
  /// `FLMODEASIZE`: the longest layout.
  public static let maximumLayoutSize = AttributeValid(rawValue: 0x8000_0000)
  /// `FLOSTLAYOUT`: the object's part in the layout.
  public static let objectLayout = AttributeValid(rawValue: 0x80_0000_0000_0000)
  /// `FLPROJID`: the project.
  public static let projectID = AttributeValid(rawValue: 0x100_0000_0000_0000)

  /// Lustre's names of the known bits.
  package static let names: [(AttributeValid, StaticString)] = [
    (.id, "FLID"),
    (.accessTime, "FLATIME"),
    (.modificationTime, "FLMTIME"),
    (.changeTime, "FLCTIME"),
    (.size, "FLSIZE"),
    (.blocks, "FLBLOCKS"),
    (.blockSize, "FLBLKSZ"),
    (.mode, "FLMODE"),
    (.type, "FLTYPE"),
    (.uid, "FLUID"),
    (.gid, "FLGID"),
    (.flags, "FLFLAGS"),
    (.links, "FLNLINK"),
    (.generation, "FLGENER"),
    (.layoutVersion, "LAYOUT_VERSION"),
    (.device, "FLRDEV"),
    (.layoutSize, "FLEASIZE"),
    (.handle, "FLHANDLE"),
    (.checksum, "FLCKSUM"),
    (.group, "FLGROUP"),
    (.parent, "FLFID"),
    (.epoch, "FLEPOCH"),
    (.grant, "FLGRANT"),
    (.directoryLayout, "FLDIREA"),
    (.userQuota, "FLUSRQUOTA"),
    (.groupQuota, "FLGRPQUOTA"),
    (.maximumLayoutSize, "FLMODEASIZE"),
    (.objectLayout, "FLOSTLAYOUT"),
    (.projectID, "FLPROJID"),
  ]
}
