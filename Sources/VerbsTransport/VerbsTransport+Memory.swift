#if Verbs
internal import CRDMA
internal import CRDMAShims
internal import Glibc
public import RDMATransport

extension VerbsTransport {
  /// Memory of ours that the device may reach.
  // Only the transport touches it.
  @safe
  struct Registration {
    let region: UnsafeMutablePointer<ibv_mr>
    let address: UnsafeMutableRawPointer
    let byteCount: Int

    /// Takes the keys back, and then the memory, if it is to be unmapped.
    func free(unmapping: Bool = true) {
      // SAFETY: made by `allocate`; nothing is posted on it, by the contract, or its queue pairs are gone.
      unsafe _ = ibv_dereg_mr(region)
      if unmapping { unsafe munmap(address, byteCount) }
    }
  }

  /// Memory of at least this size is worth a huge page.
  private static var hugePageByteCount: Int { 2 << 20 }

  public mutating func allocate(byteCount: Int, access: MemoryAccess) throws(TransportError)
    -> MemoryRegion
  {
    precondition(byteCount > 0)
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let rounded = (byteCount + page - 1) / page * page
    // SAFETY: a new mapping, which only this transport knows until it is released.
    let mapped = unsafe mmap(
      nil, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
      let failure = CallFailure(call: "mmap", errno: Glibc.errno)
      throw Explanation.register(failure, byteCount: rounded, lockedLimit: nil)
    }
    // A child that shared the pages would make the parent write to copies that the device does not see.
    unsafe madvise(mapped, rounded, MADV_DONTFORK)
    if rounded >= Self.hugePageByteCount { unsafe madvise(mapped, rounded, MADV_HUGEPAGE) }
    do throws(CallFailure) {
      let region = try unsafe CallFailure.checkPointer(
        "ibv_reg_mr", crdma_reg_mr(device.domain, mapped, rounded, Self.flags(access)))
      let address = UInt64(UInt(bitPattern: mapped))
      unsafe regions[address] = Registration(region: region, address: mapped, byteCount: rounded)
      let isRemote = access.contains(.remoteWrite) || access.contains(.remoteRead)
      return unsafe MemoryRegion(
        address: address, byteCount: rounded, localKey: region.pointee.lkey,
        remoteKey: isRemote ? region.pointee.rkey : 0)
    } catch {
      unsafe munmap(mapped, rounded)
      throw Explanation.register(
        error, byteCount: rounded, lockedLimit: SystemFiles.lockedMemoryLimit)
    }
  }

  private static func flags(_ access: MemoryAccess) -> Int32 {
    var flags: UInt32 = 0
    if access.contains(.localWrite) { flags |= IBV_ACCESS_LOCAL_WRITE.rawValue }
    // Verbs wants local writing wherever a peer may write.
    if access.contains(.remoteWrite) {
      flags |= IBV_ACCESS_REMOTE_WRITE.rawValue | IBV_ACCESS_LOCAL_WRITE.rawValue
    }
    if access.contains(.remoteRead) { flags |= IBV_ACCESS_REMOTE_READ.rawValue }
    return Int32(flags)
  }

  public mutating func release(_ region: MemoryRegion) {
    guard let registration = regions.removeValue(forKey: region.address) else {
      preconditionFailure("a region that this transport does not have")
    }
    registration.free()
  }

  public mutating func keepMemory() { keepsMemory = true }
}
#endif
