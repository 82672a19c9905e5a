//! Replies as redis-server 8.0.6 gives them; what only other servers have is below.

use crate::testing::check_script;

#[test]
fn as_redis_replies() {
    check_script(
        r#"
        SET k v => OK
        GET k => "v"
        GET nokey => nil
        SET k w NX => nil
        SET k w XX => OK
        GET k => "w"
        SET k x GET => "w"
        SET new x NX GET => nil
        SET new y NX GET => "x"
        SET k y XX GET => "x"
        SET none y XX => nil
        SET none y XX GET => nil
        SET k v EX 100 => OK
        TTL k => :100
        SET k w KEEPTTL => OK
        TTL k => :100
        SET k w => OK
        TTL k => :-1
        SET k v PX 100000 NX => nil
        SET k v NX XX => -ERR syntax error
        SET k v EX 10 PX 10 => -ERR syntax error
        SET k v KEEPTTL EX 10 => -ERR syntax error
        SET k v EX => -ERR syntax error
        SET k v FOO => -ERR syntax error
        SET k v EX abc => -ERR value is not an integer or out of range
        SET k v EX 0 => -ERR invalid expire time in 'set' command
        SET k v EX 9223372036854775807 => -ERR invalid expire time in 'set' command
        SET k v PX 9223372036854775807 => -ERR invalid expire time in 'set' command
        SET k v EXAT 9223372036854775 => OK
        SET k v PXAT 9223372036854775807 => OK
        EXPIRETIME k => :9223372036854776
        SET k v EX 10 EX 20 => OK
        TTL k => :20
        SET k v XX XX => OK
        SET k v GET GET => "v"
        SET k v KEEPTTL KEEPTTL => OK
        SET k v ex 5 nx get => "v"
        SET gone v PXAT 1 => OK
        EXISTS gone => :0
        SETNX k v => :0
        SETNX k2 v => :1
        SETEX k 10 v => OK
        TTL k => :10
        SETEX k 0 v => -ERR invalid expire time in 'setex' command
        SETEX k abc v => -ERR value is not an integer or out of range
        PSETEX k 10000 v => OK
        PSETEX k -1 v => -ERR invalid expire time in 'psetex' command
        GETSET k old => "v"
        GETSET k3 v => nil
        TTL k => :-1
        GETDEL k => "old"
        GETDEL k => nil
        SET k v => OK
        GETEX k EX 100 => "v"
        TTL k => :100
        GETEX k => "v"
        TTL k => :100
        GETEX k PERSIST => "v"
        TTL k => :-1
        GETEX k EXAT 1 => "v"
        GET k => nil
        GETEX k => nil
        SET k v => OK
        GETEX k FOO => -ERR syntax error
        GETEX k EX => -ERR syntax error
        GETEX k EX 0 => -ERR invalid expire time in 'getex' command
        GETEX k PERSIST EX 10 => -ERR syntax error
        GETEX k EX 10 PX 10 => -ERR syntax error
        GETEX nokey EX 0 => nil
        MSET a 1 b 2 a 3 => OK
        MGET a b c => ["3" "2" nil]
        MSET a => -ERR wrong number of arguments for 'mset' command
        MSET a b c => -ERR wrong number of arguments for 'mset' command
        MSETNX c 1 b 2 => :0
        MSETNX c 1 d 2 c 3 => :1
        MGET a b c d => ["3" "2" "3" "2"]
        MSETNX a b c => -ERR wrong number of arguments for 'msetnx' command
        APPEND ap hello => :5
        APPEND ap " world" => :11
        GET ap => "hello world"
        STRLEN ap => :11
        STRLEN nokey => :0
        SETRANGE ap 6 Redis => :11
        GET ap => "hello Redis"
        SETRANGE ap 12 ! => :13
        GETRANGE ap 0 4 => "hello"
        GETRANGE ap -5 -1 => "dis\x00!"
        GETRANGE ap 0 -1 => "hello Redis\x00!"
        GETRANGE ap 5 3 => ""
        GETRANGE ap -1 -5 => ""
        GETRANGE ap -100 100 => "hello Redis\x00!"
        GETRANGE ap 100 200 => ""
        GETRANGE nokey 0 -1 => ""
        SUBSTR ap 0 4 => "hello"
        SETRANGE nokey 5 "" => :0
        EXISTS nokey => :0
        SETRANGE ap 3 "" => :13
        SETRANGE ap -1 x => -ERR offset is out of range
        SETRANGE ap 536870912 x => -ERR string exceeds maximum allowed size (proto-max-bulk-len)
        SETRANGE ap abc x => -ERR value is not an integer or out of range
        GETRANGE ap abc 1 => -ERR value is not an integer or out of range
        GETRANGE ap 1 abc => -ERR value is not an integer or out of range
        INCR n => :1
        INCRBY n 41 => :42
        DECR n => :41
        DECRBY n 50 => :-9
        INCRBY n abc => -ERR value is not an integer or out of range
        INCRBY n 1.5 => -ERR value is not an integer or out of range
        INCRBY n 9223372036854775808 => -ERR value is not an integer or out of range
        SET n 9223372036854775807 => OK
        INCR n => -ERR increment or decrement would overflow
        SET n -9223372036854775808 => OK
        DECR n => -ERR increment or decrement would overflow
        DECRBY n -9223372036854775808 => -ERR decrement would overflow
        SET n " 12" => OK
        INCR n => -ERR value is not an integer or out of range
        SET n 012 => OK
        INCR n => -ERR value is not an integer or out of range
        SET n abc => OK
        INCR n => -ERR value is not an integer or out of range
        INCRBYFLOAT n 1 => -ERR value is not a valid float
        SET f 10.50 => OK
        INCRBYFLOAT f 0.1 => "10.6"
        INCRBYFLOAT f -5 => "5.6"
        SET f 5.0e3 => OK
        INCRBYFLOAT f 2.0e2 => "5200"
        INCRBYFLOAT f 1e-17 => "5200"
        INCRBYFLOAT f 1e-18 => "5200"
        INCRBYFLOAT g 0.1 => "0.1"
        INCRBYFLOAT g 0.2 => "0.3"
        INCRBYFLOAT g -0.3 => "0"
        INCRBYFLOAT z 1e30 => "1000000000000000000024696061952"
        INCRBYFLOAT z 1 => "1000000000000000000024696061952"
        INCRBYFLOAT z -1e30 => "0"
        INCRBYFLOAT h 3.14159265358979323846 => "3.14159265358979324"
        INCRBYFLOAT h 1000000 => "1000003.14159265358978246"
        INCRBYFLOAT m -0 => "0"
        INCRBYFLOAT m -0.0000000000000000001 => "0"
        INCRBYFLOAT f inf => -ERR increment would produce NaN or Infinity
        INCRBYFLOAT f -inf => -ERR increment would produce NaN or Infinity
        INCRBYFLOAT f nan => -ERR value is not a valid float
        INCRBYFLOAT f abc => -ERR value is not a valid float
        INCRBYFLOAT f "" => -ERR value is not a valid float
        INCRBYFLOAT f " 1" => -ERR value is not a valid float
        INCRBYFLOAT f "1 " => -ERR value is not a valid float
        INCRBYFLOAT f 0x10 => "5216"
        INCRBYFLOAT f 0x1.8p1 => "5219"
        INCRBYFLOAT f .5 => "5219.5"
        INCRBYFLOAT f 5. => "5224.5"
        INCRBYFLOAT f . => -ERR value is not a valid float
        INCRBYFLOAT f 1e => -ERR value is not a valid float
        INCRBYFLOAT f +1 => "5225.5"
        INCRBYFLOAT f 1e5000 => -ERR value is not a valid float
        INCRBYFLOAT f 1e-5000 => -ERR value is not a valid float
        INCRBYFLOAT big 1e4000 => "9999999999999999999965463873099623784932492583506957631301508333043261943306342355481821641865509279862764452073123673540217602217367592344172125881950527999961428582434354754501870958214290741301143014670445026260849443456275333742340822559146220440774502699147116818307775566773571206492036312963397368761826079538161612036724681027980418945071857333802019573184376407974737742100582963439581302474746605828071068162266095350249109360981931695942123253872362355720717867859931997116967823535175344886417435948827492668424224514931596965124928426557313007272003654181606637829648718026332623445964659599411688673612401217012598120557489288735334437118479345590827013160426634334036145971611294094499267930097645158316924242084444005046275789316854264698962537519604804648202558831813320199082274810678546966662106272497006996186529202046612197927965030663016053612055682060855170989021069998476304668166868798327849305544516958630545705436267868123963090419840720786295093297923233166989307185493468005963513556052273926524815064535863034951177115665985606171666708242756198962303861871354719181381961379671761938984704505073921618907144272449828915839083978037993280452559586965504199368256134650271468844247174823646278663567437132739306516943311285144568895817811521270234335023202809923439313537168685792314272771667847310402459453149183490692769538329516243242927105447175974956565949859259880257266623432431660986751258600816348320837727852352371818896648343700947852991058969433541705132345122524048434688325138322933085183721655672137865396358471035067214167360617119527605272354771447437560932908789355181041081978971762346557568230767574027302293460544968752081768656824879994376355163920300385095919688678670907760987187661793434717175760350651419537956103182910121364884637262102263204295329279620360536203761315194554053188934218409316246410738656203852138992492444404026342210499619140876855921277988778676947892152806854950785068014727125536739702656962611964401436187934885803420611286745134838665415365691409110464038694668899344879845822942763373039719688602810444439928037135468898274565353630059446256169978689065593420848456038274366567225299549352683650770160551908116011723880315176381390821744087191159014840466408422036463264182928434780181167746977398743042449413105215463884123801578726746967721334558724520471115335862516435283282393832140500259762370795907195418122260308331006030210104962511689458912869480521025430134047382228141350554394390210188326863538753083190329578149617392735325345607293804019789613107204439729055324106921126322671020066709317012835936925695594694910121291991133040352454029415895421330627924576068200470892536792435143079137382774440346196002593999683669353176553680054317921648423581639781664231716459539510456753265337998256664529200852939049468855419289097785303294946449752258791882954794558753338748235175173730073178466259683916437044889075282877916869627991289792183586849679291189074136405526988632104737613205959150473631599616592564842952439858033179702368199753306698362201401506479407699236396521519654661597132309737381973903141889548031713181771968965861360007055846791276712592611475612847974647898601585527666227738929689128212619681144409905588974943980927948431950098268346459649230305689978542029932792436486452896735925004194782587516473457624352639480090109507295735020460456725638145957022317397784209033998721254961060890916634094880983552750508881669349308347772834504388303087113341878104141612215788330206835981183895501665502020020640589210848902416003156361626873160836225566347750269512599746786860171326806831029087653660341164708808802454022881699049392139574016756146192644415820839590797897050551922334947406004738872332042844089285302334417905996381190171610168845316435533461235902086067935935005063001450522174581772443096538389199989128731679326545348278957788061762018807017602515186853205589875909910708079333605047010115738478105476750550150020629864357825543441956972190272729951206648276349901340672"
        SET t v EX 100 => OK
        INCRBYFLOAT t2 1 => "1"
        SET i 3 => OK
        EXPIRE i 100 => :1
        INCR i => :4
        TTL i => :100
        INCRBYFLOAT i 1.5 => "5.5"
        TTL i => :100
        APPEND i x => :4
        TTL i => :100
        SET key1 ohmytext => OK
        SET key2 mynewtext => OK
        LCS key1 key2 => "mytext"
        LCS key1 key2 LEN => :6
        LCS key1 key2 IDX => ["matches" [[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] "len" :6]
        LCS key1 key2 IDX MINMATCHLEN 4 => ["matches" [[[:4 :7] [:5 :8]]] "len" :6]
        LCS key1 key2 IDX MINMATCHLEN 4 WITHMATCHLEN => ["matches" [[[:4 :7] [:5 :8] :4]] "len" :6]
        LCS key1 key2 WITHMATCHLEN IDX => ["matches" [[[:4 :7] [:5 :8] :4] [[:2 :3] [:0 :1] :2]] "len" :6]
        LCS key1 nokey => ""
        LCS key1 nokey IDX => ["matches" [] "len" :0]
        LCS key1 key2 LEN IDX => -ERR If you want both the length and indexes, please just use IDX.
        LCS key1 key2 FOO => -ERR syntax error
        LCS key1 key2 MINMATCHLEN => -ERR syntax error
        LCS key1 key2 IDX MINMATCHLEN -1 => ["matches" [[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] "len" :6]
        LCS key1 key2 IDX MINMATCHLEN x => -ERR value is not an integer or out of range
        LCS key1 => -ERR wrong number of arguments for 'lcs' command
        GET => -ERR wrong number of arguments for 'get' command
        GET a b => -ERR wrong number of arguments for 'get' command
        SET a => -ERR wrong number of arguments for 'set' command
        "#,
    );
}

#[test]
fn as_valkey_replies() {
    check_script(
        r#"
        SET a v IFEQ x => nil
        SET a 1 => OK
        SET a v IFEQ 1 GET => "1"
        SET a w IFEQ 1 => nil
        SET a w IFEQ v => OK
        GET a => "w"
        SET a w IFEQ => -ERR syntax error
        SET a w NX IFEQ w => -ERR syntax error
        SET none w IFEQ w => nil
        SET none w IFEQ w GET => nil
        SET a 12 => OK
        SET a 13 IFEQ 12 EX 100 => OK
        TTL a => :100
        MSETEX a b c => -ERR invalid numkeys value or out of range
        MSETEX 1 a b FOO => -ERR syntax error
        MSETEX 0 a b => -ERR invalid numkeys value or out of range
        MSETEX -1 a b => -ERR invalid numkeys value or out of range
        MSETEX 2 a b => -ERR syntax error
        MSETEX 1 a b NX => :0
        MSETEX 1 zz b NX => :1
        MSETEX 2 zy b a b NX => :0
        EXISTS zy => :0
        MSETEX 1 a b EX 0 => -ERR invalid expire time in 'msetex' command
        MSETEX 1 a b EX x => -ERR value is not an integer or out of range
        MSETEX 1 a b KEEPTTL EX 1 => -ERR syntax error
        MSETEX 1 a b c d => -ERR syntax error
        MSETEX 2 a b c d e => -ERR syntax error
        MSETEX 9223372036854775807 a b => -ERR invalid numkeys value or out of range
        MSETEX 1 a b XX => :1
        MSETEX 2 a b none c XX => :0
        MSETEX 1 a b NX XX => -ERR syntax error
        MSETEX 2 a b e f EX 100 => :1
        TTL a => :100
        TTL e => :100
        MSETEX 1 a x KEEPTTL => :1
        TTL a => :100
        MSETEX 1 a x PX 50000 NX => :0
        MSETEX 1 e x XX PX 50000 => :1
        TTL e => :50
        MSETEX 1 a b => :1
        TTL a => :-1
        DELIFEQ a zz => :0
        DELIFEQ a b => :1
        DELIFEQ a b => :0
        SET a 5 => OK
        DELIFEQ a 5 => :1
        "#,
    );
}

/// Redis 8.4 documents these; the digest of nothing is the published test value of XXH3.
#[test]
fn conditions_on_digests() {
    check_script(
        r#"
        SET e "" => OK
        DIGEST e => "2d06800538d394c2"
        DIGEST nokey => nil
        SET e x IFDEQ 0000000000000000 => nil
        SET e x IFDEQ 2D06800538D394C2 GET => ""
        GET e => "x"
        SET e y IFDNE 2d06800538d394c2 => OK
        SET e z IFDNE => -ERR syntax error
        SET e z IFDNE 123 => -ERR must be exactly 16 hexadecimal characters
        SET e z IFDNE 123456789012345g => -ERR must be exactly 16 hexadecimal characters
        SET e z IFNE y => nil
        SET e z IFNE w => OK
        SET new z IFEQ w => nil
        SET new z IFNE w => OK
        SET new2 z IFDEQ 2d06800538d394c2 => nil
        SET new2 z IFDNE 2d06800538d394c2 => OK
        SET new z IFEQ z IFNE w => -ERR syntax error
        SET new z IFEQ z XX => -ERR syntax error
        DELEX new IFEQ w => :0
        DELEX new IFNE z => :0
        DELEX new IFNE w => :1
        DELEX new IFNE w => :0
        DELEX new2 IFDEQ 2d06800538d394c2 => :0
        DELEX new2 IFDNE 2d06800538d394c2 => :1
        DELEX e FOO => -ERR syntax error
        DELEX e IFEQ => -ERR syntax error
        DELEX e IFEQ z extra => -ERR syntax error
        DELEX e => :1
        DELEX e => :0
        "#,
    );
}
