import java.io.File;
import java.util.List;
import org.netbeans.lib.profiler.heap.Heap;
import org.netbeans.lib.profiler.heap.HeapFactory;
import org.netbeans.lib.profiler.heap.Instance;

/** Prints the objects that retain most, as VisualVM's library finds them: id, bytes, class. */
final class Rival {
  /** Arguments: file of the dump, how many objects. */
  public static void main(String[] args) throws Exception {
    Heap heap = HeapFactory.createHeap(new File(args[0]));
    List<?> largest = heap.getBiggestObjectsByRetainedSize(Integer.parseInt(args[1]));
    for (Object o : largest) {
      Instance i = (Instance) o;
      System.out.println(i.getInstanceId() + " " + i.getRetainedSize() + " " + i.getJavaClass().getName());
    }
  }
}
