public import BasicContainers

/// Registered memory, cut into pieces that are handed out and taken back.
///
/// One type for messages (pieces of 4096 bytes, taken singly) and for bulk (runs of pieces, taken by byte
/// count). A piece is free → filling → posted → held → free, and only its holder moves it; a reference to
/// an earlier life of a piece traps, as it is always our own bug: peers never name pieces. `public` so that
/// other modules inline it: what is `package` they can only call.
@safe
public struct Arena: ~Copyable {
  /// Who holds a piece.
  public enum State: UInt8, BitwiseCopyable {
    case free, filling, posted, held
  }

  @usableFromInline
  struct Piece: BitwiseCopyable {
    @usableFromInline var generation: UInt32
    /// On a free single piece: the next one. On the first piece of a run: how many there are.
    @usableFromInline var link: UInt32
    @usableFromInline var state: State

    @inlinable
    init(generation: UInt32, link: UInt32, state: State) {
      self.generation = generation
      self.link = link
      self.state = state
    }
  }

  /// The memory that is cut up.
  @usableFromInline let base: UnsafeMutableRawPointer
  public let region: MemoryRegion
  /// Bytes of a piece, a power of two.
  public let pieceByteCount: Int
  /// Pieces, free ones and others.
  public let pieceCount: Int
  /// Whether pieces are taken in runs.
  public let isBulk: Bool
  @usableFromInline var pieces: RigidArray<Piece>
  @usableFromInline var firstFree: UInt32
  /// Where the next search for a run starts.
  private var rover: Int
  /// Pieces that nobody holds.
  public var freePieceCount: Int
  @usableFromInline let pieceShift: UInt32

  @usableFromInline static var end: UInt32 { .max }

  /// - Parameters:
  ///   - region: the memory; it must outlive the arena.
  ///   - pieceByteCount: a power of two.
  ///   - isBulk: pieces are taken in runs, and references carry the bulk bit.
  public init(region: MemoryRegion, pieceByteCount: Int, isBulk: Bool) {
    precondition(pieceByteCount > 0 && pieceByteCount & (pieceByteCount - 1) == 0)
    guard let base = unsafe UnsafeMutableRawPointer(bitPattern: UInt(region.address)) else {
      preconditionFailure("a region at address 0")
    }
    // SAFETY: the region's owner keeps the memory mapped for the life of the arena.
    unsafe self.base = base
    self.region = region
    self.pieceByteCount = pieceByteCount
    pieceShift = UInt32(pieceByteCount.trailingZeroBitCount)
    self.isBulk = isBulk
    let count = region.byteCount / pieceByteCount
    pieceCount = count
    precondition(count > 0 && count < 1 << 31)
    pieces = RigidArray(capacity: count)
    for index in 0..<count {
      let link = isBulk ? 0 : index + 1 == count ? Self.end : UInt32(index + 1)
      pieces.append(Piece(generation: 0, link: link, state: .free))
    }
    if isBulk { pieces[0].link = UInt32(count) }
    firstFree = 0
    rover = 0
    freePieceCount = count
  }

  /// Takes one piece, in state *filling*; nil when none is free.
  @inlinable
  public mutating func allocatePiece() -> BufferRef? {
    precondition(!isBulk)
    guard firstFree != Self.end else { return nil }
    let slot = firstFree
    firstFree = pieces[Int(slot)].link
    pieces[Int(slot)].link = 1
    pieces[Int(slot)].state = .filling
    freePieceCount -= 1
    return BufferRef(
      slot: slot, generation: pieces[Int(slot)].generation, offset: 0,
      length: UInt32(pieceByteCount))
  }

  /// Takes a run of pieces for so many bytes, in state *held*; nil when no run is long enough.
  public mutating func allocateRun(byteCount: Int) -> BufferRef? {
    precondition(isBulk && byteCount > 0)
    let needed = (byteCount + pieceByteCount - 1) / pieceByteCount
    guard needed <= freePieceCount else { return nil }
    guard
      let slot = findRun(from: rover, to: pieceCount, needed: needed)
        ?? findRun(from: 0, to: rover, needed: needed)
    else { return nil }
    let found = Int(pieces[slot].link)
    if found > needed { pieces[slot + needed].link = UInt32(found - needed) }
    pieces[slot].link = UInt32(needed)
    for index in slot..<slot + needed { pieces[index].state = .held }
    freePieceCount -= needed
    rover = slot + needed == pieceCount ? 0 : slot + needed
    return BufferRef(
      slot: UInt32(slot) | 1 << 31, generation: pieces[slot].generation, offset: 0,
      length: UInt32(byteCount))
  }

  /// The first free run of enough pieces; joins neighbouring free runs on its way.
  private mutating func findRun(from start: Int, to end: Int, needed: Int) -> Int? {
    var index = start
    while index < end {
      var length = Int(pieces[index].link)
      if pieces[index].state == .free {
        while index + length < pieceCount && pieces[index + length].state == .free {
          let joined = pieces[index + length].link
          if index + length == rover { rover = index }
          length += Int(joined)
        }
        pieces[index].link = UInt32(length)
        if length >= needed { return index }
      }
      index += length
    }
    return nil
  }

  /// Gives a piece or a run back. The reference may be to any part of it.
  @inlinable
  public mutating func release(_ ref: BufferRef) {
    let slot = index(of: ref)
    precondition(pieces[slot].state != .free, "released twice")
    let count = Int(pieces[slot].link)
    pieces[slot].generation &+= 1
    if isBulk {
      for index in slot..<slot + count { pieces[index].state = .free }
    } else {
      pieces[slot].state = .free
      pieces[slot].link = firstFree
      firstFree = UInt32(slot)
    }
    freePieceCount += count
  }

  /// Moves a piece on; it must be in the state it is said to be in.
  @inlinable
  @inline(__always)
  public mutating func move(_ ref: BufferRef, from old: State, to new: State) {
    let slot = index(of: ref)
    precondition(pieces[slot].state == old, "a piece was moved by somebody who does not hold it")
    pieces[slot].state = new
  }

  /// Moves a piece on and names its bytes for a work request.
  @inlinable
  @inline(__always)
  public mutating func segment(
    _ ref: BufferRef, moving old: State, to new: State
  ) -> Segment {
    let slot = index(of: ref)
    precondition(pieces[slot].state == old, "a piece was moved by somebody who does not hold it")
    pieces[slot].state = new
    let end = UInt64(ref.offset) &+ UInt64(ref.length)
    precondition(
      end <= UInt64(pieces[slot].link) &<< UInt64(pieceShift), "a reference outside its piece")
    let address = region.address &+ UInt64(slot) &<< UInt64(pieceShift) &+ UInt64(ref.offset)
    return Segment(address: address, length: ref.length, localKey: region.localKey)
  }

  /// Who holds the piece, of a present life.
  @inlinable
  public func state(of ref: BufferRef) -> State { pieces[index(of: ref)].state }

  /// Whether the reference is to the present life of its piece.
  @inlinable
  public func isLive(_ ref: BufferRef) -> Bool {
    let slot = Int(ref.slot & 0x7FFF_FFFF)
    return ref.isBulk == isBulk && slot < pieceCount && pieces[slot].generation == ref.generation
      && pieces[slot].state != .free
  }

  /// The bytes, for reading.
  @inlinable
  @inline(__always)
  @_lifetime(borrow self)
  public func bytes(_ ref: BufferRef) -> RawSpan {
    // SAFETY: `start` checks that the part lies inside its pieces, which stay mapped with the arena.
    let span = unsafe RawSpan(
      _unsafeStart: UnsafeRawPointer(start(ref)), byteCount: Int(ref.length))
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// The bytes, for writing.
  @inlinable
  @inline(__always)
  @_lifetime(&self)
  public mutating func mutableBytes(_ ref: BufferRef) -> MutableRawSpan {
    // SAFETY: as in `bytes`; the exclusive access to the arena is the exclusive access to the bytes.
    let span = unsafe MutableRawSpan(_unsafeStart: start(ref), byteCount: Int(ref.length))
    return unsafe _overrideLifetime(span, mutating: &self)
  }

  /// The address of the first byte in this process, for a segment or a descriptor.
  @inlinable
  @inline(__always)
  public func address(_ ref: BufferRef) -> UInt64 {
    unsafe UInt64(UInt(bitPattern: start(ref)))
  }

  /// Names the bytes for a work request without moving the piece.
  @inlinable
  @inline(__always)
  public func segment(_ ref: BufferRef) -> Segment {
    Segment(address: address(ref), length: ref.length, localKey: region.localKey)
  }

  /// The first piece of a reference to a present life.
  @inlinable
  @inline(__always)
  func index(of ref: BufferRef) -> Int {
    let slot = Int(ref.slot & 0x7FFF_FFFF)
    precondition(
      pieces[slot].generation == ref.generation && ref.isBulk == isBulk,
      "a stale reference to a piece")
    return slot
  }

  @inlinable
  @inline(__always)
  func start(_ ref: BufferRef) -> UnsafeMutableRawPointer {
    let slot = index(of: ref)
    // None of this can overflow: 2³¹ pieces of less than 2³² bytes.
    let end = UInt64(ref.offset) &+ UInt64(ref.length)
    precondition(
      end <= UInt64(pieces[slot].link) &<< UInt64(pieceShift) && pieces[slot].state != .free,
      "a reference outside its piece")
    return unsafe base + (slot &<< Int(pieceShift) &+ Int(ref.offset))
  }
}
