-- In the form of mysqldump 8.4, after its manual: no server printed this.

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;

--
-- Current Database: `shop`
--

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci */ /*!80016 DEFAULT ENCRYPTION='N' */;

USE `shop`;

DROP TABLE IF EXISTS `order``s`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `order``s` (
  `my_row_id` bigint unsigned NOT NULL AUTO_INCREMENT /*!80023 INVISIBLE */,
  `ref` binary(16) NOT NULL DEFAULT (uuid_to_bin(uuid())),
  `total` decimal(12,2) unsigned NOT NULL DEFAULT '0.00',
  `paid` tinyint(1) NOT NULL DEFAULT '0',
  `tags` json DEFAULT (json_array()),
  `where` point NOT NULL /*!80003 SRID 4326 */,
  `label` varchar(40) GENERATED ALWAYS AS (concat(_utf8mb4'№ ;',`total`)) VIRTUAL,
  `note` text CHARACTER SET utf8mb3 COLLATE utf8mb3_bin,
  `at` datetime(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6) COMMENT 'it''s; when',
  PRIMARY KEY (`my_row_id`),
  UNIQUE KEY `ref` (`ref`),
  KEY `low` ((lower(`label`))) /*!80000 INVISIBLE */,
  SPATIAL KEY `where` (`where`),
  FULLTEXT KEY `note` (`note`) /*!50100 WITH PARSER `ngram` */ ,
  CONSTRAINT `positive` CHECK ((`total` >= 0)) /*!80016 NOT ENFORCED */
) ENGINE=InnoDB AUTO_INCREMENT=12 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci STATS_PERSISTENT=1
/*!50100 PARTITION BY RANGE (`my_row_id`)
(PARTITION p0 VALUES LESS THAN (1000) ENGINE = InnoDB,
 PARTITION p1 VALUES LESS THAN MAXVALUE ENGINE = InnoDB) */;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `order``s` WRITE;
/*!40000 ALTER TABLE `order``s` DISABLE KEYS */;
INSERT INTO `order``s` (`my_row_id`, `ref`) VALUES (1,_binary 'it\'s; \\'),(2,_binary '`"--');
/*!40000 ALTER TABLE `order``s` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Temporary view structure for view `paid`, as MySQL 5.7 writes it
--

/*!50001 CREATE TABLE `paid` (
  `id` tinyint NOT NULL
) ENGINE=MyISAM */;
/*!50001 DROP TABLE IF EXISTS `paid`*/;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`shop`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `paid` AS select 1 AS `id` */;
