import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import javax.management.ObjectName;

/**
 * Fills a heap as a shop's books would, with some 32 objects for each account, and
 * dumps it to a file, with the heap's layout in a second file.
 */
final class Books {
  static final Map<Long, Account> ACCOUNTS = new ConcurrentHashMap<>();
  static final List<byte[]> ATTACHMENTS = new ArrayList<>();

  static final class Article {
    final String code;
    final long cents;

    Article(int number) {
      code = "article-" + number;
      cents = number;
    }
  }

  static final class Line {
    final Article article;
    final int pieces;
    final Line next;

    Line(Article article, int pieces, Line next) {
      this.article = article;
      this.pieces = pieces;
      this.next = next;
    }
  }

  static final class Invoice {
    final long number;
    final Date due = new Date();
    final Account debtor;
    Line lines;

    Invoice(long number, Account debtor) {
      this.number = number;
      this.debtor = debtor;
    }
  }

  static final class Account {
    final String name;
    final List<Invoice> invoices = new ArrayList<>();
    final Map<String, String> notes = new HashMap<>();
    Account recommendedBy;

    Account(String name) {
      this.name = name;
    }
  }

  /** Arguments: accounts, file of the dump, file of the layout. */
  public static void main(String[] args) throws Exception {
    fill(Integer.parseInt(args[0]));
    var server = ManagementFactory.getPlatformMBeanServer();
    ManagementFactory.newPlatformMXBeanProxy(
            server, "com.sun.management:type=HotSpotDiagnostic", HotSpotDiagnosticMXBean.class)
        .dumpHeap(args[1], true);
    Object layout =
        server.invoke(
            new ObjectName("com.sun.management:type=DiagnosticCommand"), "gcHeapInfo", null, null);
    Files.writeString(Path.of(args[2]), layout.toString());
  }

  private static void fill(int accounts) {
    Random random = new Random(7);
    Article[] articles = new Article[5000];
    for (int i = 0; i < articles.length; i++) {
      articles[i] = new Article(i);
    }
    Account before = null;
    for (int i = 0; i < accounts; i++) {
      Account account = new Account("account-" + i);
      account.recommendedBy = random.nextInt(10) == 0 ? before : null;
      before = account;
      for (int k = 1 + random.nextInt(6); k > 0; k--) {
        Invoice invoice = new Invoice(i * 10L + k, account);
        for (int n = 1 + random.nextInt(4); n > 0; n--) {
          invoice.lines = new Line(articles[random.nextInt(articles.length)], n, invoice.lines);
        }
        account.invoices.add(invoice);
      }
      for (int k = random.nextInt(4); k > 0; k--) {
        account.notes.put("note-" + k, "paid " + random.nextInt());
      }
      if (i % 8 == 0) {
        ATTACHMENTS.add(new byte[random.nextInt(800)]);
      }
      ACCOUNTS.put((long) i, account);
    }
  }
}
